using Pipeline.Core;
using Pipeline.Operations.Control;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Http.Api.Documents;

/// <param name="Items">From the source on; none: the table has no row of the key, nor its quarantine.</param>
internal sealed record RowDocument(int SchemaVersion, IReadOnlyList<RowStationItem> Items);

/// <summary>One station of a row.</summary>
/// <param name="Step"><c>bronze</c>, <c>rule</c>, <c>quarantine</c>, <c>silver</c>, <c>gold</c>.</param>
/// <param name="Version">Of the table, that brought the row's file; null: its log does not go so far back.</param>
/// <param name="File">Relative to the table.</param>
/// <param name="Row">In the file, from 0.</param>
/// <param name="Detail">Positions at the source, a rule's check, the versions of the inputs that are reflected.</param>
internal sealed record RowStationItem(string Step, TableId Table, long? Version, DateTimeOffset? At, string? File, long? Row, IReadOnlyDictionary<string, string> Detail)
{
    public static RowStationItem Of(RowStation station) => new(ControlWords.Of(station.Step), station.Table, station.Version, station.At, station.File, station.Row, station.Detail);
}
