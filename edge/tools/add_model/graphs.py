"""Repairs foreign graphs: nodes in an order in which they can be run, sizes free where they are.

ONNX demands that a node comes after those whose outputs it reads ("topologically sorted", ONNX IR
specification, section Graphs). Converters to half precision append their casts at the end. ONNX
Runtime loads that all the same, but what follows the nodes back from an output needs the order.
"""

import heapq
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import onnx


def sorted_model(path: Path) -> Any:
    """The model of a file, its external data inside, with sorted nodes (an `onnx.ModelProto`).

    Raises:
        ValueError: nodes read each other in a circle.
        Exception: whatever onnx raises for a file that it cannot read.
    """
    model = onnx.load(str(path))
    sort(model.graph)
    return model


def sort(graph: Any) -> None:
    """Sort the nodes of an `onnx.GraphProto` and of the graphs inside it, in place.

    Nodes that may stand in any order keep the one that they have.

    Raises:
        ValueError: nodes read each other in a circle.
    """
    nodes = list(graph.node)
    for node in nodes:
        for inner in inner_graphs(node):
            sort(inner)
    order = _order(nodes)
    if order != list(range(len(nodes))):
        ordered = [nodes[index] for index in order]
        del graph.node[:]
        graph.node.extend(ordered)


def free_sizes(graph: Any) -> None:
    """Leave batch and sides open where the file has those of an example, and weights constant.

    Only where nothing in the graph counts on them: a network of convolutions alone.
    """
    weights = {tensor.name for tensor in graph.initializer}
    taken = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(taken)
    graph.ClearField("value_info")
    for value in (*graph.input, *graph.output):
        sizes = value.type.tensor_type.shape.dim
        for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
            if axis < len(sizes):
                sizes[axis].dim_param = f"{name}_{value.name}"


def inner_graphs(node: Any) -> list[Any]:
    """The graphs that a node carries: branches, bodies of loops."""
    graphs = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return [*graphs, *(graph for attribute in node.attribute for graph in attribute.graphs)]


def reads(node: Any) -> set[str]:
    """What a node may read, also from within its inner graphs."""
    return set(node.input).union(*(set(names(inner)) for inner in inner_graphs(node)))


def names(graph: Any) -> Iterable[str]:
    """Every name of a value or a node in a graph and the graphs inside it."""
    for each in (*graph.input, *graph.output, *graph.initializer):
        yield each.name
    for node in graph.node:
        yield node.name
        yield from node.input
        yield from node.output
        for inner in inner_graphs(node):
            yield from names(inner)


def _order(nodes: Sequence[Any]) -> list[int]:
    """Kahn's algorithm; among the nodes that are ready the one that stands first goes first."""
    makers = {value: index for index, node in enumerate(nodes) for value in node.output if value}
    waits = [{makers[value] for value in reads(node) if value in makers} for node in nodes]
    readers: list[list[int]] = [[] for _ in nodes]
    for index, before in enumerate(waits):
        for maker in before:
            readers[maker].append(index)
    missing = [len(before) for before in waits]
    ready = [index for index, count in enumerate(missing) if not count]
    order = []
    while ready:
        order.append(index := heapq.heappop(ready))
        for reader in readers[index]:
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    if len(order) < len(nodes):
        raise ValueError("its nodes read each other in a circle")
    return order
