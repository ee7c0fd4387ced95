using System.Collections.Immutable;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;

namespace Pipeline.Ingest;

/// <summary>
/// Parts of a table that are read again because an operator wants it: a new epoch begins where each part does, so that what is read is newer than what was; a part of
/// a log that ends keeps the order that it has. A part that ends is followed by a commit that puts its split where it was left, see <see cref="SplitTurn"/>; both stand in the table's log, and a worker that
/// is cut off anywhere between them goes on from what it says.
/// </summary>
public static class TableTurns
{
    /// <summary>What records that a split goes on where it was left before a part of it was read again.</summary>
    public const string EndOperation = "BACKFILL END";

    /// <summary>Why these parts cannot be read again of a version of a table; null: they can.</summary>
    public static PipelineException? RefusalOf(Snapshot? snapshot, TableId table, IReadOnlyList<SplitPart> parts)
    {
        if (snapshot?.Histories.Newest is not { } newest) return Refusal(FaultKind.Missing, "nothing of it has been read yet", "Start a node that reads it: it begins at the beginning.");
        var splits = SplitsOf(snapshot);
        if (splits.Exists(split => split.Value.IsSnapshot)) return Refusal(FaultKind.Invalid, "its changes are captured: a place in their log is no part of the table", "Read all of it again: --full.");
        if (SplitTurn.Of(snapshot.Metadata.Configuration).FirstOrDefault(turn => turn.Value.Epoch == newest.Epoch) is { Value: { } running } other)
            return Refusal(FaultKind.Invalid, $"split {other.Key} is being read again up to {running.To} already, and has come to {snapshot.Position(other.Key)}", "Wait until that is done, or read all of it again: --full.");
        if (parts.Count == 0) return Refusal(FaultKind.Invalid, "nothing of what was read lies there", "Look with './pipeline show' how far it has been read, and name a part before that.");
        foreach (var part in parts)
        {
            if (!splits.Exists(split => split.Key == part.Split)) return Refusal(FaultKind.Invalid, $"split {part.Split} is none that it reads now", "Plan it again: the source has other splits now.");
            var reached = snapshot.Position(part.Split)!.Value;
            if (part.From >= reached) return Refusal(FaultKind.Invalid, $"split {part.Split} has been read up to {reached}, and the part begins at {part.From}", "Name a part that has been read: what lies behind it is read anyway.");
            if (part.To <= part.From) return Refusal(FaultKind.Invalid, $"the part ends at {part.To}, and begins at {part.From}", "Write an end that is greater than the beginning: it is not of the part itself.");
            if (part.To > reached) return Refusal(FaultKind.Invalid, $"split {part.Split} has been read up to {reached}, and the part ends at {part.To}", "Leave --to away to have all read again from there on, or name an earlier end.");
        }

        return null;

        PipelineException Refusal(FaultKind kind, string cause, string nextStep) => new(kind, $"Table {table}", cause, nextStep);
    }

    /// <summary>
    /// Whether parts of a table keep the order that its rows have: what is read between two places of a log is older than what lies behind, and is not newer by being read again.
    /// Rows of a table that its source has only as they are now are newer.
    /// </summary>
    public static bool AreInOrder(Snapshot snapshot, IReadOnlyList<SplitPart> parts) => parts.Count > 0 && parts.All(part => part.To is not null) && BronzeShape.Of(snapshot.Schema).Numbering is not null;

    /// <summary>Looks whether parts of a table that keep their order can be read again by what it has.</summary>
    /// <exception cref="PipelineException">They cannot: see <see cref="RefusalOf"/> and <see cref="PartTimes"/>; or a file cannot be read.</exception>
    public static async Task CheckOrderAsync(DeltaTable bronze, TableId table, IReadOnlyList<SplitPart> parts, CancellationToken cancellationToken) =>
        _ = await PartTimes.OfAsync(bronze, table, parts, cancellationToken);

    /// <summary>Has parts of a table read again. Its workers notice when they commit next, or begin anew.</summary>
    /// <param name="isInOrder">Whether its records keep their order, see <see cref="AreInOrder"/>.</param>
    /// <exception cref="PipelineException">See <see cref="RefusalOf"/> and <see cref="CheckOrderAsync"/>; or other writers came first too often.</exception>
    public static async Task BeginAsync(Lake lake, TableId table, IReadOnlyList<SplitPart> parts, bool isInOrder, TimeProvider time, CancellationToken cancellationToken)
    {
        var bronze = await lake.TryOpenAsync(table, cancellationToken);
        if (RefusalOf(bronze?.Current, table, parts) is { } refusal) throw refusal;
        if (AreInOrder(bronze!.Current, parts) != isInOrder) throw new PipelineException(FaultKind.Invalid, $"Table {table}", "it was planned in another order", "Plan it again.");
        var looked = bronze.Current.Histories.Newest!.Epoch;
        var times = isInOrder ? await PartTimes.OfAsync(bronze, table, parts, cancellationToken) : null;
        await NextEpoch.CommitAsync(bronze, table, snapshot => ToBegin(snapshot, table, parts, looked, times), time, cancellationToken);
    }

    /// <summary>Puts those of a worker's splits that have come to the end of their part where they were left.</summary>
    internal static async ValueTask EndAsync(BronzeTable table, IReadOnlyCollection<Split> splits, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!splits.Any(split => SplitTurn.Of(table.Delta.Current.Metadata.Configuration).ContainsKey(split.Id))) return;
        await NextEpoch.CommitAsync(table.Delta, table.Id, snapshot => ToEnd(snapshot, splits), time, cancellationToken);
    }

    /// <summary>Where the reading of splits ends for now, by a version of their table.</summary>
    internal static IEnumerable<KeyValuePair<SplitId, SplitTurn>> EndsOf(Snapshot snapshot, IReadOnlyCollection<Split> splits) => SplitTurn.Of(snapshot.Metadata.Configuration)
        .Where(turn => turn.Value.Epoch == snapshot.Histories.EpochOf(turn.Key) && splits.Any(split => split.Id == turn.Key));

    /// <summary>Splits of which no part is meant go on where they are, in the new epoch as well.</summary>
    /// <param name="looked">The epoch that was read when it was looked at.</param>
    /// <param name="times">Between which the parts lie that keep their order, as they were then; null: they are newer than all before.</param>
    /// <exception cref="PipelineException">See <see cref="RefusalOf"/>; or it is another epoch.</exception>
    internal static Transaction ToBegin(Snapshot snapshot, TableId table, IReadOnlyList<SplitPart> parts, int looked, IReadOnlyDictionary<SplitId, PartTimes>? times)
    {
        if (RefusalOf(snapshot, table, parts) is { } refusal) throw refusal;
        if (snapshot.Histories.Newest!.Epoch is var now && now != looked) throw new PipelineException(FaultKind.Invalid, $"Table {table}", $"epoch {now} has begun meanwhile", "Plan it again.");
        var (epoch, splits, meant) = (NextEpoch.NumberOf(snapshot), SplitsOf(snapshot), parts.ToDictionary(part => part.Split));
        var begun = NextEpoch.Of(GapAcceptance.BackfillOperation, snapshot, splits, parts.ToDictionary(part => part.Split, part => (long?)part.From), times is null ? null : NextEpoch.OrderOf(snapshot));
        return begun with
        {
            Marks = [.. begun.Marks, .. times?.SelectMany(pair => SplitHistory.MarksOf(pair.Key, epoch, new SplitMarks(pair.Value.Before))) ?? []],
            Properties = begun.Properties.SetItems(splits.Select(pair => KeyValuePair.Create(SplitTurn.KeyOf(pair.Key), meant.TryGetValue(pair.Key, out var part) && part.To is { } to
                ? new SplitTurn(epoch, to, snapshot.Position(pair.Key)!.Value, snapshot.Marks(pair.Key)) { OrderTimeMax = times?[pair.Key].Behind }.Write() : null))),
            Parameters = ImmutableDictionary<string, string>.Empty.Add("epoch", Text(epoch)).Add("parts", string.Join(", ", parts.Select(part => $"{part.Split} {part.Range}"))),
        };
    }

    /// <summary>Null: none has come to its end. A turn of an epoch that is over is forgotten.</summary>
    internal static Transaction? ToEnd(Snapshot snapshot, IReadOnlyCollection<Split> splits)
    {
        var over = SplitTurn.Of(snapshot.Metadata.Configuration).Where(turn => splits.Any(split => split.Id == turn.Key) && (turn.Value.Epoch != snapshot.Histories.EpochOf(turn.Key) || snapshot.Position(turn.Key) >= turn.Value.To)).ToList();
        if (over.Count == 0) return null;
        var back = over.Where(turn => turn.Value.Epoch == snapshot.Histories.EpochOf(turn.Key) && snapshot.Position(turn.Key) < turn.Value.Back).ToList();
        return new Transaction(EndOperation, Isolation.BlindAppend)
        {
            ReadVersion = snapshot.Version,
            Moves = [.. back.Select(turn => new TxnMove(turn.Key, turn.Value.Epoch, snapshot.Position(turn.Key), turn.Value.Back))],
            // A note of the part is none of that place.
            Marks = [.. back.SelectMany(turn => SplitHistory.MarksOf(turn.Key, turn.Value.Epoch, turn.Value.Marks with { Note = turn.Value.Marks.Note ?? -1 }).Append((SplitHistory.PartEndIdOf(turn.Key, turn.Value.Epoch), snapshot.Position(turn.Key)!.Value)))],
            Properties = over.ToImmutableDictionary(turn => SplitTurn.KeyOf(turn.Key), _ => (string?)null, StringComparer.Ordinal),
            Parameters = ImmutableDictionary<string, string>.Empty.Add("split", string.Join(", ", over.Select(turn => turn.Key))).Add("to", string.Join(", ", over.Select(turn => Text(turn.Value.Back)))),
        };
    }

    /// <summary>Those that are read, of the table's newest history.</summary>
    private static List<KeyValuePair<SplitId, SplitHistory>> SplitsOf(Snapshot snapshot) =>
        [.. snapshot.Histories.BySplit.Where(pair => pair.Value.Identity == snapshot.Histories.Newest!.Identity && (pair.Value.IsSnapshot || snapshot.Position(pair.Key) is not null))];

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
