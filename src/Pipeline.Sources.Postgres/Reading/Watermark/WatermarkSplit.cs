using System.Globalization;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Reading.Watermark;

/// <summary>A table read by its watermark is one split: <c>users/16385</c>, the table's name in the lake and its identity.</summary>
internal sealed record WatermarkSplit(SplitId Id, string Table, uint TableOid)
{
    public static WatermarkSplit Of(string source, string table, uint oid) =>
        new(new SplitId(source, string.Create(CultureInfo.InvariantCulture, $"{table}/{oid}")), table, oid);

    /// <summary>See <see cref="Split.Identity"/>.</summary>
    /// <param name="server">Its identifier; empty where the role may not ask for it.</param>
    public string IdentityOn(string server) => $"watermark/{server}/{TableOid}";

    /// <exception cref="PipelineException">The id is not one that this source lists.</exception>
    public static WatermarkSplit Parse(SplitId id)
    {
        var slash = id.Name.LastIndexOf('/');
        return slash > 0 && uint.TryParse(id.Name.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var oid)
            ? new WatermarkSplit(id, id.Name[..slash], oid)
            : throw new PipelineException(FaultKind.Invalid, $"Split {id}", "it is not a split of a PostgreSQL table", "Take splits from the source's list.");
    }
}
