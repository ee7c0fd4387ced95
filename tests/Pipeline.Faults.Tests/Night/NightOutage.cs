namespace Pipeline.Faults.Tests.Night;

/// <summary>Something that is away, refuses or is broken for a while.</summary>
/// <param name="Told">In the first line that is to be about it.</param>
/// <param name="Ended">In a line after it was mended; the same as <paramref name="Told"/>: what is told has ended with it.</param>
/// <param name="Begin">Brings it about.</param>
/// <param name="End">Mends it, as people or time would.</param>
internal sealed record NightOutage(string Name, string Told, string Ended, Func<CancellationToken, Task> Begin, Func<CancellationToken, Task> End)
{
    /// <summary>Met in every run of the tests: the others are noticed, told and ended by the same parts of the program, or take their time.</summary>
    public bool IsOfEveryDay { get; init; }

    public override string ToString() => Name;
}
