using Pipeline.Core;
using Pipeline.Operations.Quarantines;

namespace Pipeline.Node.Http.Api.Documents;

/// <summary>Rows of a table that break one rule; a row counts for each that it breaks.</summary>
/// <param name="Waiting">Of them, those that only miss a parent.</param>
/// <param name="Newer">Of them, those of which the table has an older version.</param>
internal sealed record QuarantineItem(TableId Table, string Rule, long Rows, long Waiting, long Newer, DateTimeOffset Oldest, DateTimeOffset Newest)
{
    public static QuarantineItem Of(QuarantineCount count) => new(count.Table, count.Rule, count.Rows, count.Waiting, count.Newer, count.Oldest, count.Newest);
}
