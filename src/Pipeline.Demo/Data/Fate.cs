namespace Pipeline.Demo.Data;

internal enum Outcome
{
    /// <summary>The first good row of its key.</summary>
    New,

    /// <summary>A good row of a key that has one already: one of the two is superseded.</summary>
    Again,

    /// <summary>Breaks rules.</summary>
    Quarantined,

    /// <summary>Cannot be decoded: never reaches its Bronze table.</summary>
    DeadLettered,
}

/// <summary>What must become of a generated row: the generator knows it, because it planted the dirt.</summary>
/// <param name="Rules">The rules a quarantined row breaks, by the names the contracts use.</param>
/// <param name="Warnings">The rules of severity <c>warn</c> that an accepted row breaks.</param>
internal sealed record Fate(Outcome Outcome, IReadOnlyList<string> Rules, IReadOnlyList<string> Warnings)
{
    /// <summary>What had become of the version before it, which need not wait any more; null: nothing of the kind.</summary>
    public Fate? Settles { get; private init; }

    public static readonly Fate New = new(Outcome.New, [], []);
    public static readonly Fate Again = new(Outcome.Again, [], []);
    public static readonly Fate DeadLettered = new(Outcome.DeadLettered, [], []);

    public static Fate Quarantined(params string[] rules) => new(Outcome.Quarantined, rules, []);

    /// <summary>A newer version of a key whose version before it went to the quarantine and is settled now.</summary>
    public static Fate Mends(Fate broken) => Again with { Settles = broken };

    public static Fate Warned(string rule) => new(Outcome.New, [], [rule]);

    /// <summary>The fate of a good row: new with version 0, otherwise a newer version of the same key.</summary>
    public static Fate Accepted(int version) => version == 0 ? New : Again;
}

/// <summary>A generated row and what must become of it.</summary>
internal readonly record struct Planted<TRow>(TRow Row, Fate Fate);
