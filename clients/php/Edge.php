<?php

declare(strict_types=1);

namespace Edge;

/**
 * URLs of an edge image server: one picture, a `srcset`, `sizes`, a signature.
 *
 * PHP 8.0 and newer, no extension beside `hash`. `clients/vectors.json` holds it to what the
 * server's own code writes.
 */
final class Edge
{
    /** Widths in pixels of a `srcset`. */
    public const WIDTHS = [320, 480, 640, 828, 1080, 1280, 1668, 2048, 2560];

    /** @param string $base scheme and host; empty for a path alone */
    public function __construct(private string $base = '')
    {
        $this->base = rtrim($base, '/');
    }

    /**
     * The URL of one picture.
     *
     * @param string $path of the original, not encoded
     * @param array<string, scalar|null> $params words of the URL; true is written 1, null is left out
     */
    public function url(string $path, array $params = []): string
    {
        $words = self::query($params);
        return $this->base . self::path($path) . ($words === '' ? '' : "?$words");
    }

    /**
     * A `srcset` with `w` descriptors, or with `x` descriptors where densities are given.
     *
     * With both `w` and `h` among the words, `h` keeps its proportion to `w`.
     *
     * @param array<string, scalar|null> $params
     * @param list<int> $widths in pixels
     * @param list<int|float> $densities
     */
    public function srcset(
        string $path,
        array $params = [],
        array $widths = self::WIDTHS,
        array $densities = [],
    ): string {
        $parts = [];
        foreach ($densities as $density) {
            $words = ['dpr' => $density == 1 ? null : $density] + $params;
            $parts[] = $this->url($path, $words) . ' ' . self::text($density) . 'x';
        }
        foreach ($densities === [] ? $widths : [] as $width) {
            $parts[] = $this->url($path, self::wide($params, $width)) . " {$width}w";
        }
        return implode(', ', $parts);
    }

    /**
     * The `sizes` attribute, from media conditions to lengths; `default` comes last.
     *
     * @param array<string, string> $lengths
     */
    public static function sizes(array $lengths): string
    {
        $last = $lengths['default'] ?? '100vw';
        unset($lengths['default']);
        $parts = [];
        foreach ($lengths as $media => $length) {
            $parts[] = (str_starts_with($media, '(') ? $media : "($media)") . " $length";
        }
        return implode(', ', [...$parts, $last]);
    }

    /**
     * Signs a URL that `url` has made.
     *
     * @param int|null $expires in seconds of Unix time
     * @throws \InvalidArgumentException a parameter comes twice, or it is signed already
     */
    public static function sign(string $unsigned, string $kid, string $secret, ?int $expires = null): string
    {
        [$head, $given] = explode('?', $unsigned, 2) + [1 => ''];
        preg_match('~^([a-z]+://[^/]*)?(.*)$~is', $head, $found);
        $params = [];
        foreach (array_filter(explode('&', $given), 'strlen') as $pair) {
            [$name, $value] = array_map('urldecode', explode('=', $pair, 2) + [1 => '']);
            if (array_key_exists($name, $params) || $name === 'sig' || $name === 's') {
                throw new \InvalidArgumentException("$name comes twice, or the URL is signed already");
            }
            $params[$name] = $value;
        }
        $words = self::query(['kid' => $kid, 'exp' => $expires] + $params);
        $path = self::path(rawurldecode($found[2]));
        $signature = hash_hmac('sha256', "edge1\n$path\n$words", $secret);
        return "{$found[1]}$path?$words&sig=$signature";
    }

    private static function path(string $path): string
    {
        return '/' . implode('/', array_map('rawurlencode', explode('/', ltrim($path, '/'))));
    }

    /** @param array<string|int, scalar|null> $params */
    private static function query(array $params): string
    {
        $words = [];
        foreach ($params as $name => $value) {
            if ($value !== null) {
                $words[] = [rawurlencode((string) $name), rawurlencode(self::text($value))];
            }
        }
        // by name alone: as whole texts, `bg-remove=on` would come before `bg=fff`
        usort($words, fn (array $one, array $other): int => strcmp($one[0], $other[0]));
        return implode('&', array_map(fn (array $pair): string => "$pair[0]=$pair[1]", $words));
    }

    private static function text(string|int|float|bool $value): string
    {
        return is_bool($value) ? (string) (int) $value : (string) $value;
    }

    /**
     * @param array<string, scalar|null> $params
     * @return array<string, scalar|null>
     */
    private static function wide(array $params, int $width): array
    {
        if (isset($params['w'], $params['h'])) {
            $params['h'] = max(1, (int) floor((float) $params['h'] * $width / (float) $params['w'] + 0.5));
        }
        return ['w' => $width] + $params;
    }
}
