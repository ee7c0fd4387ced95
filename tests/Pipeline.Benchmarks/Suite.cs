namespace Pipeline.Benchmarks;

/// <summary>Runs benchmarks one after the other. The last lines of each are its verdicts, one a goal.</summary>
public static class Suite
{
    public const int Done = 0, GoalMissed = 3, Usage = 64, Interrupted = 130;

    /// <param name="names">Those to run; all when it is empty.</param>
    /// <returns>The exit code: <see cref="GoalMissed"/> when one goal of one benchmark was missed; the others run all the same.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<IBenchmark> benchmarks, IReadOnlyList<string> names, TextWriter output, TextWriter errors, CancellationToken interruption)
    {
        if (names.FirstOrDefault(name => benchmarks.All(benchmark => benchmark.Name != name)) is { } unknown)
        {
            await errors.WriteLineAsync($"There is no benchmark '{unknown}'. Choose from: {string.Join(", ", benchmarks.Select(benchmark => benchmark.Name))}.");
            return Usage;
        }

        var code = Done;
        try
        {
            foreach (var benchmark in benchmarks.Where(benchmark => names.Count == 0 || names.Contains(benchmark.Name, StringComparer.Ordinal)))
            {
                await output.WriteLineAsync($"== {benchmark.Name}");
                var verdicts = await benchmark.RunAsync(output, interruption);
                if (verdicts.Count == 0) throw new InvalidOperationException($"The benchmark '{benchmark.Name}' has no goal: its figures would mean nothing to anybody.");
                foreach (var verdict in verdicts)
                {
                    await output.WriteLineAsync(verdict.Line);
                    if (!verdict.IsMet) code = GoalMissed;
                }
            }
        }
        catch (OperationCanceledException) when (interruption.IsCancellationRequested)
        {
            return Interrupted;
        }

        return code;
    }
}
