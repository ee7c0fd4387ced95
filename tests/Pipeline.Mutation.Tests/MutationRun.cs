using System.Collections.Concurrent;
using System.Globalization;
using Pipeline.Testing;

namespace Pipeline.Mutation.Tests;

/// <summary>Tries the mutants of a target, prints a line for each, and says what is wrong.</summary>
internal sealed class MutationRun : IDisposable
{
    private readonly MutationTarget _target;
    private readonly Survivors _survivors;
    private readonly ScratchDirectory _directory = new("pipeline-mutants-");

    public MutationRun(MutationTarget target, Survivors survivors)
    {
        _target = target;
        _survivors = survivors;
    }

    /// <returns>Survivors without a reason, and reasons without a survivor.</returns>
    public async Task<IReadOnlyList<string>> RunAsync(bool isFull, string? only, ITestOutputHelper output, CancellationToken cancellationToken)
    {
        var assembly = MutatedAssembly.Build(_target, _directory, cancellationToken);
        var chosen = new ConcurrentQueue<Mutant>(only is not null ? assembly.Mutants.Where(mutant => only.Split('|').Any(text => mutant.ToString().Contains(text, StringComparison.Ordinal)))
            : isFull ? assembly.Mutants
            : Sample(assembly.Mutants));
        var outcomes = new ConcurrentBag<MutantOutcome>();
        await Task.WhenAll(Enumerable.Range(0, isFull ? Environment.ProcessorCount : 1).Select(async _ =>
        {
            await using var runner = new SpecRunner(_target, assembly, simulationSeeds: isFull ? "150" : "10");
            while (chosen.TryDequeue(out var mutant))
            {
                var outcome = await runner.JudgeAsync(mutant, cancellationToken);
                outcomes.Add(outcome);
                output.WriteLine($"{mutant}: {Told(outcome)}");
            }
        }));

        var inOrder = outcomes.OrderBy(outcome => outcome.Mutant.Id).ToList();
        foreach (var mutant in isFull ? assembly.Rejected : []) output.WriteLine($"{mutant}: cannot be written");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_target.Assembly}: of {inOrder.Count} changes {inOrder.Count(outcome => outcome.IsKilled)} were killed, {inOrder.Count(outcome => !outcome.IsKilled)} survived"));
        return [.. Faults(inOrder), .. Stale(assembly)];
    }

    public void Dispose() => _directory.Dispose();

    private string Told(MutantOutcome outcome) =>
        outcome.IsKilled ? $"killed by {outcome.Spec}{(outcome.How.Length == 0 ? "" : $" ({outcome.How})")}"
        : _survivors.Reasons.TryGetValue(outcome.Mutant.Key, out var reason) ? $"SURVIVED: {reason}"
        : $"SURVIVED without a reason{(outcome.How.Length == 0 ? "" : $" ({outcome.How})")}";

    private IEnumerable<string> Faults(IEnumerable<MutantOutcome> outcomes) => outcomes.SelectMany<MutantOutcome, string>(outcome =>
        (outcome.IsKilled, _survivors.Reasons.ContainsKey(outcome.Mutant.Key)) switch
        {
            (true, true) => [$"{outcome.Mutant} is killed by {outcome.Spec}: its reason to live has to go."],
            (false, false) => [$"{outcome.Mutant} SURVIVED {outcome.How}"],
            _ => [],
        });

    /// <summary>Reasons whose mutant is no more.</summary>
    private IEnumerable<string> Stale(MutatedAssembly assembly)
    {
        var keys = assembly.Mutants.Select(mutant => mutant.Key).ToHashSet(StringComparer.Ordinal);
        return _survivors.Reasons.Keys.Where(key => !keys.Contains(key)).Select(key => $"There is no such mutant: {key}");
    }

    /// <summary>A few, spread over the files, always the same ones.</summary>
    private static IEnumerable<Mutant> Sample(IReadOnlyList<Mutant> mutants) => mutants.Where((_, index) => index % 20 == 7);
}
