using Pipeline.Benchmarks;

using var interrupt = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    interrupt.Cancel();
};

// A benchmark's broker lives in a process of its own, so that its work is not counted as ours.
if (args is [KafkaBroker.HostArgument, ..]) return await KafkaBroker.HostAsync(args[1..], interrupt.Token);

var benchmarks = typeof(IBenchmark).Assembly.GetTypes()
    .Where(type => type is { IsClass: true, IsAbstract: false } && type.IsAssignableTo(typeof(IBenchmark)))
    .Select(type => (IBenchmark)Activator.CreateInstance(type)!)
    .OrderBy(benchmark => benchmark.Name, StringComparer.Ordinal)
    .ToArray();

return await Suite.RunAsync(benchmarks, args, Console.Out, Console.Error, interrupt.Token);
