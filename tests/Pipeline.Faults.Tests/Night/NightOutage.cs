namespace Pipeline.Faults.Tests.Night;

/// <summary>Something that is away, refuses or is broken for a while.</summary>
/// <param name="Thing">In each line that is about it.</param>
/// <param name="Begin">Brings it about.</param>
/// <param name="End">Mends it, as people or time would.</param>
internal sealed record NightOutage(string Name, string Thing, Func<CancellationToken, Task> Begin, Func<CancellationToken, Task> End)
{
    public override string ToString() => Name;
}
