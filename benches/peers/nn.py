"""Operations of networks in PyTorch, forward and back, on one thread: a line for each, with the CPU seconds of one run.

Shapes are PyTorch's own: channels before positions.
"""

import time

import torch
import torch.nn.functional as F

LONG_ENOUGH, LARGE = 0.6, (1, 1536, 12_288)


def case(name, run):
    run()
    start, times = time.process_time(), 0
    while time.process_time() - start < LONG_ENOUGH:
        run()
        times += 1
    print(f"case {name}: {(time.process_time() - start) / times}")


def numbers(*shape):
    return torch.rand(*shape) * 2 - 1


def products():
    square = numbers(1, 1024, 1024)
    case("product of 1024 x 1024", lambda: square @ square)
    queries, keys = numbers(8, 1536, 64), numbers(8, 64, 1536)
    case("attention scores 8 x 1536 x 64", lambda: queries @ keys)
    small = numbers(128, 124), numbers(108, 124), numbers(108)
    case("linear 128 x 124 to 108", lambda: F.linear(*small))
    large = numbers(1536, 1536), numbers(3072, 1536)
    case("linear 1536 x 1536 to 3072", lambda: F.linear(*large))


def convolutions():
    for name, x, weight, padding in [
        ("convolution 1 x 49152 x 4, 768 of 15", (1, 4, 49_152), (768, 4, 15), 7),
        ("convolution 1 x 6144 x 768, 768 of 5", (1, 768, 6144), (768, 768, 5), 2),
        ("convolution 64 x 2000 x 4, 320 of 8", (64, 4, 2000), (320, 4, 8), 0),
        ("convolution 8 x 1993 x 320, 320 of 8", (8, 320, 1993), (320, 320, 8), 0),
    ]:
        x, weight = numbers(*x), numbers(*weight)
        case(name, lambda: F.conv1d(x, weight, padding=padding))


def elementwise():
    x = numbers(*LARGE)
    for name, function in [
        ("gelu", F.gelu),
        ("gelu by tanh", lambda x: F.gelu(x, approximate="tanh")),
        ("tanh", torch.tanh),
        ("sigmoid", torch.sigmoid),
        ("softplus", F.softplus),
        ("exp", torch.exp),
        ("relu", torch.relu),
    ]:
        case(name, lambda: function(x))
    case("sum of two", lambda: x + x)


def rows():
    x = numbers(*LARGE)
    case("sum of all", lambda: x.sum())
    case("max pool of 2", lambda: F.max_pool1d(x, 2))
    case("max pool of 4", lambda: F.max_pool1d(x, 4))
    channels_last = numbers(1, 12_288, 1536)
    case("softmax", lambda: torch.softmax(channels_last, -1))
    scale, shift, narrow = numbers(1536), numbers(1536), numbers(1536, 1536)
    case("layer norm 1536 x 1536", lambda: F.layer_norm(narrow, (1536,), scale, shift))
    layer = torch.nn.BatchNorm1d(1536)
    layer.eval()
    case("batch norm, evaluation", lambda: layer(x))
    layer.train()
    case("batch norm, training", lambda: layer(x))


def convolution_there_and_back(x, weight, padding):
    x.grad = weight.grad = None
    F.conv1d(x, weight, padding=padding).sum().backward()


def layers_there_and_back(layers, x, target):
    layers.zero_grad()
    F.mse_loss(layers(x), target).backward()


def there_and_back():
    x, weight = numbers(4, 64, 1000).requires_grad_(), numbers(64, 64, 7).requires_grad_()
    for name, padding in [("without", 0), ("with", 3)]:
        title = f"there and back: convolution 4 x 1000 x 64 {name} padding"
        case(title, lambda: convolution_there_and_back(x, weight, padding))
    for rows in [128, 4096]:
        linear, relu = torch.nn.Linear, torch.nn.ReLU
        layers = torch.nn.Sequential(linear(124, 108), relu(), linear(108, 93), relu(), linear(93, 124))
        x, target = numbers(rows, 124), numbers(rows, 124)
        title = f"there and back: three linear layers of {rows} rows"
        case(title, lambda: layers_there_and_back(layers, x, target))


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(1)
    with torch.no_grad():
        products()
        convolutions()
        elementwise()
        rows()
    there_and_back()
