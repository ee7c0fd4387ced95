using Pipeline.Core;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Http.Api.Documents;

/// <summary>One table.</summary>
internal sealed record TableDocument(int SchemaVersion, TableItem Table, IReadOnlyList<ColumnItem> Columns);

/// <param name="Rows">Null when a file does not say how many it has.</param>
/// <param name="AgeSeconds">Since the last commit.</param>
internal sealed record TableItem(TableId Table, long Version, long? Rows, int Files, long Bytes, DateTimeOffset CommittedAt, [property: Passing] double AgeSeconds)
{
    public static TableItem Of(TableState table) => new(table.Table, table.Version, table.Rows, table.Files, table.Bytes, table.CommittedAt, table.Age.TotalSeconds);
}

/// <param name="Type">As Arrow calls it.</param>
internal sealed record ColumnItem(string Name, string Type, bool IsNullable);
