using Pipeline.Core;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Http.Api.Documents;

/// <param name="Lake">Where it is.</param>
/// <param name="ToldAt">When a node last said how fresh the tables are; null: none has.</param>
/// <param name="DeadLetters">Sources that have some.</param>
/// <param name="CompactedAt">When small files were last put together; null: never.</param>
/// <param name="VacuumedAt">When what nobody needs was last deleted; null: never.</param>
internal sealed record StatusDocument(int SchemaVersion, string Pipeline, string Lake, [property: Passing] DateTimeOffset? ToldAt, IReadOnlyList<SourceLetters> DeadLetters, DateTimeOffset? CompactedAt, DateTimeOffset? VacuumedAt,
    IReadOnlyList<StatusItem> Items, string? Next, IReadOnlyList<FailedItem> Failed);

internal sealed record SourceLetters(string Source, long Letters);

/// <param name="State">The worst that holds: <c>halted</c>, <c>late</c>, <c>poor</c>, <c>retried</c>, <c>fresh</c>.</param>
/// <param name="Version">Null: there is no such table yet.</param>
/// <param name="AgeSeconds">Since the moment of its sources that it is known to reflect.</param>
/// <param name="Quality">The least score of its last run, 0 to 1; null: it has none.</param>
/// <param name="Fault">What was last said to be wrong.</param>
/// <param name="Doubt">Why it may lack rows that its source has, though it is read on.</param>
internal sealed record StatusItem(TableId Table, string State, long? Version, long? Rows, long? Quarantine, [property: Passing] double AgeSeconds, double SlaSeconds, double? Quality, FaultItem? Fault, FaultItem? Doubt)
{
    public static StatusItem Of(TableSummary table) => new(table.Table, ApiCodes.Of(table.Health), table.Version, table.Rows, table.Quarantine, table.Age.TotalSeconds, table.Sla.TotalSeconds, table.Quality,
        FaultItem.Of(table.Fault), FaultItem.Of(table.Doubt));
}
