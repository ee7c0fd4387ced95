using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Control;

/// <summary>What happened, for who is called.</summary>
public enum PipelineEventKind
{
    /// <summary>A table waits for somebody to mend something.</summary>
    Halted,

    /// <summary>A table that was halted works again.</summary>
    GoesOn,

    /// <summary>A node, or a release of it, has begun to work.</summary>
    NodeStarted,

    /// <summary>A node is no longer of the cluster: others have its work.</summary>
    NodeGone,

    /// <summary>A node has another configuration than the others.</summary>
    ConfigurationDiffers,

    /// <summary>An operator's wish holds.</summary>
    Wished,

    /// <summary>An operator's wish holds no more.</summary>
    WishEnded,

    /// <summary>An operator has given an order.</summary>
    Ordered,

    /// <summary>An order is over.</summary>
    OrderEnded,
}

/// <param name="Number">In the order in which they were recorded; 0: it is not of that record.</param>
/// <param name="Id">The same happening has the same, whoever has seen it.</param>
/// <param name="Thing">A table, a source or a node.</param>
/// <param name="Who">An operator, or the node that has seen it.</param>
/// <param name="What">In the words of who said it: a cause, a reason, a release.</param>
/// <param name="NextStep">What helps; null: nothing is to be done.</param>
public sealed record PipelineEvent(long Number, string Id, DateTimeOffset At, PipelineEventKind Kind, string Thing, string Who, string What, string? NextStep)
{
    internal static RowForm<PipelineEvent> Form { get; } = new(
    [
        RowForm<PipelineEvent>.Column("number", Int64Type.Default, happened => happened.Number),
        RowForm<PipelineEvent>.Column("id", StringType.Default, happened => happened.Id),
        RowForm<PipelineEvent>.Column("at", BronzeColumns.Timestamp, happened => happened.At),
        RowForm<PipelineEvent>.Column("kind", StringType.Default, happened => ControlWords.Of(happened.Kind)),
        RowForm<PipelineEvent>.Column("thing", StringType.Default, happened => happened.Thing),
        RowForm<PipelineEvent>.Column("who", StringType.Default, happened => happened.Who),
        RowForm<PipelineEvent>.Column("what", StringType.Default, happened => happened.What),
        RowForm<PipelineEvent>.Column("next_step", StringType.Default, happened => happened.NextStep),
    ],
    // Of a kind that this release does not know: who is called reads the rest.
    value => value("number") is long number && value("id") is string id && value("at") is LakeTimestamp at && value("thing") is string thing && ControlWords.TryRead<PipelineEventKind>(value("kind") as string) is { } kind
        ? new PipelineEvent(number, id, RowMoment.Of(at), kind, thing, value("who") as string ?? "", value("what") as string ?? "", value("next_step") as string) : null, happened => happened.Number);
}
