using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Alerting;

/// <summary>Who is told, and how soon.</summary>
public enum Urgency
{
    /// <summary>The person on call, at any hour: a promise is broken, or will be unless somebody acts.</summary>
    Page,

    /// <summary>Whoever looks after the pipeline, in working hours.</summary>
    Ticket,
}

/// <summary>Something that people are told of. Alarms, rules and the document are made of it.</summary>
/// <param name="Name">A word: in names of alarms and rules, and what the document's section is called.</param>
/// <param name="Instrument">What is looked at. Of one that several meters have, any.</param>
/// <param name="When">When it is told.</param>
/// <param name="Title">In a few words, for a list of alarms.</param>
/// <param name="Meaning">What is so when it is told.</param>
/// <param name="ToDo">What to do then, in their order.</param>
public sealed record Alert(string Name, Urgency Urgency, InstrumentInfo Instrument, AlertCondition When, string Title, string Meaning, IReadOnlyList<string> ToDo)
{
    /// <summary>Of its section in <c>docs/observability.md</c>.</summary>
    public string Anchor => Name.ToLowerInvariant();
}

public enum Comparison
{
    Below,
    Above,
    AtLeast,
}

/// <summary>When an alert is told.</summary>
public abstract record AlertCondition
{
    /// <summary>A gauge that was so in <paramref name="Points"/> of the last <paramref name="Minutes"/> minutes: it need not be all the time, and one that comes and goes is told once.</summary>
    /// <param name="IsTable">Whether it is asked of each table by itself.</param>
    public sealed record Value(Comparison Comparison, double Threshold, int Points, int Minutes, bool IsTable) : AlertCondition;

    /// <summary>A counter that has grown by more than <paramref name="Most"/> within the last <paramref name="Minutes"/> minutes.</summary>
    public sealed record Growth(double Most, int Minutes) : AlertCondition;

    /// <summary>Nothing has come for so many minutes.</summary>
    /// <param name="IsTable">Whether it is asked of each table by itself, while others are told of; else nothing has come of any.</param>
    public sealed record Silence(int Minutes, bool IsTable) : AlertCondition;
}
