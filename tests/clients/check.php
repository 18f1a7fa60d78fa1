<?php
// Run by tests/clients/test_php.py: prints a line for each vector that differs.

declare(strict_types=1);

require __DIR__ . '/../../clients/php/Edge.php';

use Edge\Edge;

$vectors = json_decode(file_get_contents(__DIR__ . '/../../clients/vectors.json'), true, flags: JSON_THROW_ON_ERROR);
$checked = 0;

function same(string $name, string $wanted, string $made): void
{
    global $checked;
    $checked++;
    if ($wanted !== $made) {
        echo "$name\n  wanted $wanted\n  made   $made\n";
    }
}

foreach ($vectors['urls'] as $v) {
    same("url: {$v['name']}", $v['url'], (new Edge($v['base']))->url($v['path'], $v['params']));
}
foreach ($vectors['srcsets'] as $v) {
    $made = (new Edge($v['base']))->srcset(
        $v['path'], $v['params'], $v['widths'] ?? Edge::WIDTHS, $v['densities'] ?? []
    );
    same("srcset: {$v['name']}", $v['srcset'], $made);
}
foreach ($vectors['sizes'] as $v) {
    same("sizes: {$v['name']}", $v['sizes'], Edge::sizes($v['lengths']));
}
foreach ($vectors['signed'] as $v) {
    same("sign: {$v['name']}", $v['url'], Edge::sign($v['unsigned'], $vectors['kid'], $vectors['secret'], $v['expires']));
}
foreach (['/a.jpg?w=1&w=2', '/a.jpg?sig=0'] as $bad) {
    try {
        Edge::sign($bad, 'a', str_repeat('b', 16));
        echo "$bad was signed\n";
    } catch (\InvalidArgumentException) {
        $checked++;
    }
}
echo "$checked checked\n";
