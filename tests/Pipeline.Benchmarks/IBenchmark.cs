namespace Pipeline.Benchmarks;

/// <summary>
/// A measurement of one path beside its yardstick (a bare consumer, <c>COPY</c>, the bare query): both figures and their
/// ratio come from the same run, so that the machine's speed cancels out. Found by reflection; needs a constructor
/// without parameters.
/// </summary>
public interface IBenchmark
{
    /// <summary>What follows <c>./pipeline bench</c>, e.g. <c>kafka</c>.</summary>
    string Name { get; }

    /// <summary>Measures, prints a few lines for people to <paramref name="output"/>, and judges: one verdict a goal.</summary>
    Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken);
}
