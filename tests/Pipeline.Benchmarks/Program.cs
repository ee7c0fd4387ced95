using Pipeline.Benchmarks;

const int Done = 0, Usage = 64, Interrupted = 130;

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

var unknown = args.Except(benchmarks.Select(benchmark => benchmark.Name), StringComparer.Ordinal).ToArray();
if (unknown.Length > 0)
{
    Console.Error.WriteLine($"There is no benchmark '{unknown[0]}'. Choose from: {string.Join(", ", benchmarks.Select(benchmark => benchmark.Name))}.");
    return Usage;
}

try
{
    foreach (var benchmark in benchmarks.Where(benchmark => args.Length == 0 || args.Contains(benchmark.Name, StringComparer.Ordinal)))
    {
        Console.WriteLine($"== {benchmark.Name}");
        await benchmark.RunAsync(Console.Out, interrupt.Token);
    }
}
catch (OperationCanceledException) when (interrupt.IsCancellationRequested)
{
    return Interrupted;
}

return Done;
