using System.Globalization;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>
/// The split of a replication slot, <c>slot/NAME/SYSTEM</c>: all captured tables, position = end of the last commit. The
/// system identifier tells servers apart whose WAL positions mean different things.
/// </summary>
internal static class SlotSplit
{
    private const string Prefix = "slot/";

    public static SplitId Of(string source, string slot, string system) => new(source, $"{Prefix}{slot}/{system}");

    public static bool Is(SplitId split) => split.Name.StartsWith(Prefix, StringComparison.Ordinal);
}

/// <summary>
/// The rows a table (or one partition of it) has when capture begins, <c>snapshot/TABLE/OID</c>, read by ranges of its
/// blocks. Rows carry a WAL position, so that every captured change of them comes later.
/// </summary>
internal sealed record SnapshotSplit(SplitId Id, string Table, uint RelationOid)
{
    /// <summary>The position of a table that has been read to its end.</summary>
    public const long Complete = long.MaxValue;

    private const string Prefix = "snapshot/";
    private const int BlockBits = 32;

    public static SnapshotSplit Of(string source, string table, uint oid) =>
        new(new SplitId(source, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{table}/{oid}")), table, oid);

    public static bool Is(SplitId split) => split.Name.StartsWith(Prefix, StringComparison.Ordinal);

    public static SnapshotSplit Parse(SplitId split)
    {
        var slash = split.Name.LastIndexOf('/');
        return new SnapshotSplit(split, split.Name[Prefix.Length..slash], uint.Parse(split.Name.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture));
    }

    /// <summary>
    /// The next block to read of the file that holds the table. VACUUM FULL, CLUSTER and TRUNCATE give it another file,
    /// where blocks mean other rows: reading starts again there. Files are numbered upwards.
    /// </summary>
    public static long PositionOf(uint file, long block) => (long)file << BlockBits | block;

    public static (uint File, long Block) BlockAt(long position) => ((uint)(position >> BlockBits), position & uint.MaxValue);
}
