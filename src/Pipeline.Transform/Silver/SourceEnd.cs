using System.Globalization;
using Pipeline.Delta.Log;

namespace Pipeline.Transform.Silver;

/// <summary>
/// Rows from before it are gone at the source, however late they arrive: the last truncate, or the beginning of an epoch whose
/// snapshot is finished, which is all that the source has.
/// </summary>
/// <param name="Position">Of a truncate; null: the epoch's beginning. A transaction arrives as a whole, so that the truncate's place within one need not be remembered.</param>
internal readonly record struct SourceEnd(long Epoch, long? Position)
{
    /// <summary>The <c>txn</c> of a Silver table that holds the position of the last truncate of epoch 0.</summary>
    private const string TruncatedAppId = "truncated";

    /// <summary>The <c>txn</c> of a Silver table that holds the last epoch whose finished snapshot it reflects.</summary>
    public const string SnapshotAppId = "snapshot-epoch";

    /// <summary>The <c>txn</c> of a truncate.</summary>
    public string AppId => Epoch == 0 ? TruncatedAppId : string.Create(CultureInfo.InvariantCulture, $"{TruncatedAppId}#{Epoch}");

    /// <summary>Whether a <c>txn</c> says what a Silver table reflects of such.</summary>
    public static bool Is(string appId) => Of(appId, 0) is not null;

    /// <summary>What a Silver table reflects; null: nothing of the kind has happened.</summary>
    public static SourceEnd? Of(Snapshot silver) => Last(silver.Txns.Values.Select(txn => Of(txn.AppId, txn.Version)));

    /// <summary>The last of some; null: there is none.</summary>
    public static SourceEnd? Last(IEnumerable<SourceEnd?> ends) =>
        ends.Aggregate((SourceEnd?)null, (last, end) => end is { } one && (last is not { } known || one.IsAfter(known)) ? one : last);

    /// <summary>
    /// The epoch of which a Bronze table has a finished snapshot, so that rows of earlier ones are gone at the source; null: none, or
    /// the first, which has nothing before it.
    /// </summary>
    public static int? SnapshotOf(Snapshot bronze)
    {
        var snapshots = bronze.Histories.BySplit.Where(split => split.Value.IsSnapshot).ToList();
        var epoch = snapshots.Count == 0 ? 0 : snapshots.Max(split => split.Value.Epoch);
        return epoch > 0 && snapshots.Where(split => split.Value.Epoch == epoch).All(split => bronze.Position(split.Key) == long.MaxValue) ? epoch : null;
    }

    /// <summary>A truncate comes after its epoch's beginning.</summary>
    public bool IsAfter(SourceEnd other) => Epoch != other.Epoch ? Epoch > other.Epoch : Position is { } position && (other.Position is not { } earlier || position > earlier);

    private static SourceEnd? Of(string appId, long version)
    {
        if (appId == SnapshotAppId) return new SourceEnd(version, null);
        if (appId == TruncatedAppId) return new SourceEnd(0, version);
        return appId.StartsWith(TruncatedAppId + "#", StringComparison.Ordinal)
            && long.TryParse(appId.AsSpan(TruncatedAppId.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch) ? new SourceEnd(epoch, version) : null;
    }
}
