using System.Collections.Immutable;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;

namespace Pipeline.Ingest;

/// <summary>
/// An operator's decision to go on although a table and its source do not have the same records, in the table's log, where it
/// stays on record as the operation <see cref="Operation"/>. Behind records that are lost the split is moved; where the source
/// is behind the table, a new epoch begins, in which what is there now is read again and is newer than what was read.
/// </summary>
/// <remarks>
/// Safe beside a running pipeline: a split that moved meanwhile is left alone. A worker that halted goes on by itself when it
/// finds the decision, or when it is resumed or started again.
/// </remarks>
public static class GapAcceptance
{
    public const string Operation = "ACCEPT GAP";

    /// <summary>What records that a table, or a part of it, is read again because an operator wants it.</summary>
    public const string BackfillOperation = "BACKFILL";

    /// <summary>What records that a split is halted until somebody decides.</summary>
    public const string HaltOperation = "HALT";

    /// <summary>
    /// What its source says of where a table stands, for whoever only looks: its splits are those that the table knows. None of a table that remembers no history.
    /// </summary>
    /// <param name="snapshot">The table's.</param>
    /// <exception cref="PipelineException">The source cannot be asked.</exception>
    public static async ValueTask<IReadOnlyList<SplitStanding>> LookAsync(Snapshot snapshot, ISource source, CancellationToken cancellationToken)
    {
        if (snapshot.Histories.Newest is not { } newest) return [];
        SplitPosition[] left = [.. snapshot.Histories.BySplit.Where(split => split.Value.Epoch == newest.Epoch && snapshot.Position(split.Key) is not null)
            .Select(split => new SplitPosition(split.Key, snapshot.Position(split.Key)) { Marks = snapshot.Marks(split.Key), Identity = split.Value.Identity })];
        return left.Length == 0 ? [] : await source.LookBackAsync(left, cancellationToken);
    }

    /// <summary>The gaps of where the table stands: those that its log knows of, and those that the source tells now or has doubts about.</summary>
    public static async ValueTask<IReadOnlyList<SplitGap>> FindAsync(Lake lake, ISource source, TableId table, CancellationToken cancellationToken)
    {
        if (await lake.TryOpenAsync(table, cancellationToken) is not { } bronze) return [];
        var snapshot = bronze.Current;
        var halts = SplitHalt.Of(snapshot.Metadata.Configuration);
        var left = (await source.ListSplitsAsync(table.Name, cancellationToken)).Where(split => snapshot.Position(split.Id) is not null)
            .Select(split => new SplitPosition(split.Id, snapshot.Position(split.Id)) { Marks = snapshot.Marks(split.Id), Identity = split.Identity }).ToList();
        var standings = left.Count == 0 ? [] : (await source.LookBackAsync(left, cancellationToken)).ToDictionary(standing => standing.Split);
        var gaps = halts.Select(halt => Behind(halt.Key, halt.Value.From, halt.Value.Position)).ToList();
        foreach (var standing in left.Where(split => !halts.ContainsKey(split.Split)).Select(split => standings[split.Split]))
        {
            if (standing.Fault?.Gap is { } gone) gaps.Add(new SplitGap(standing.Split, gone));
            else if ((standing.Fault ?? standing.Doubt)?.ReadAgainFrom is { } from) gaps.Add(Behind(standing.Split, from, from));
        }

        return gaps;

        SplitGap Behind(SplitId split, long from, long reached) => new(split, new PositionRange(from, snapshot.Position(split) ?? reached), IsBehind: true)
        {
            BeginsAt = standings.GetValueOrDefault(split)?.BeginningAnew is { } anew && anew > from ? anew : null,
        };
    }

    /// <summary>Decides about each gap, in a commit of its own; what the source is behind with, in one.</summary>
    /// <param name="gaps">As <see cref="FindAsync"/> found them.</param>
    /// <exception cref="PipelineException">A split has moved since; those before it in the list are accepted.</exception>
    public static async Task AcceptAsync(Lake lake, TableId table, IReadOnlyList<SplitGap> gaps, TimeProvider time, CancellationToken cancellationToken)
    {
        var bronze = await lake.TryOpenAsync(table, cancellationToken)
            ?? throw new PipelineException(FaultKind.Missing, $"Table {table}", "it does not exist", "There is nothing to accept for it.");
        foreach (var gap in gaps.Where(gap => !gap.IsBehind))
            await CommitAsync(bronze, table, gap.Split, snapshot => PassOver(snapshot, gap), time, cancellationToken);
        var behind = gaps.Where(gap => gap.IsBehind).ToList();
        if (behind.Count > 0) await CommitAsync(bronze, table, behind[0].Split, snapshot => BeginAnew(snapshot, behind), time, cancellationToken);
    }

    /// <summary>
    /// Has a whole table read again, in a new epoch whose rows are newer than all that were read: a captured one by a snapshot beside its stream, any other from
    /// the beginning of what its source has. Its workers notice when they commit next, or begin anew.
    /// </summary>
    /// <exception cref="PipelineException">The table is not there, or remembers no history of its source; other writers came first too often.</exception>
    public static async Task ReadAgainAsync(Lake lake, TableId table, TimeProvider time, CancellationToken cancellationToken)
    {
        var bronze = await lake.TryOpenAsync(table, cancellationToken);
        if (bronze?.Current.Histories.Newest is not { Identity: var identity })
            throw new PipelineException(FaultKind.Missing, $"Table {table}", "nothing of it has been read yet", "Start a node that reads it: it begins at the beginning.");
        var first = bronze.Current.Histories.BySplit.First(pair => pair.Value.Identity == identity).Key;
        await CommitAsync(bronze, table, first, snapshot => ReadAgain(snapshot, identity), time, cancellationToken);
    }

    /// <summary>Has the table's log say that a split waits for a decision.</summary>
    /// <exception cref="PipelineException">The log cannot be written, or other writers came first too often.</exception>
    internal static async ValueTask RecordAsync(DeltaTable bronze, TableId table, SplitId split, Fault fault, long position, TimeProvider time, CancellationToken cancellationToken)
    {
        var halt = new SplitHalt(fault.ReadAgainFrom!.Value, position, fault.Thing, fault.Cause, fault.NextStep, time.GetUtcNow());
        await NextEpoch.CommitAsync(bronze, table, snapshot => SplitHalt.Of(snapshot.Metadata.Configuration).ContainsKey(split) ? null : new Transaction(HaltOperation, Isolation.BlindAppend)
        {
            ReadVersion = snapshot.Version,
            Properties = ImmutableDictionary<string, string?>.Empty.Add(SplitHalt.KeyOf(split), halt.Write()),
            Parameters = ParametersOf(split, halt.From, position),
        }, time, cancellationToken);
    }

    /// <param name="of">Null: what was looked at is not so any more.</param>
    private static Task CommitAsync(DeltaTable bronze, TableId table, SplitId split, Func<Snapshot, Transaction?> of, TimeProvider time, CancellationToken cancellationToken) => NextEpoch.CommitAsync(bronze, table,
        snapshot => of(snapshot) ?? throw new PipelineException(FaultKind.Invalid, $"Table {table}, split {split}", "it has moved since the gap was looked at", "Look again."), time, cancellationToken);

    /// <param name="epoch">In which the split is read.</param>
    internal static Transaction TransactionOf(SplitGap gap, int epoch = 0) => new(Operation, Isolation.BlindAppend)
    {
        Moves = [new TxnMove(gap.Split, epoch, gap.Range.From, gap.Range.To)],
        Epochs = [(gap.Split, epoch)],
        Counts = [new TxnCount(RowCounts.GivenUp, gap.Range.To - gap.Range.From)],
        Parameters = ParametersOf(gap.Split, gap.Range.From, gap.Range.To),
    };

    private static Transaction? PassOver(Snapshot snapshot, SplitGap gap) =>
        snapshot.Position(gap.Split) == gap.Range.From ? TransactionOf(gap, snapshot.Histories.EpochOf(gap.Split)) : null;

    /// <summary>
    /// All splits of the history go on in a new epoch, those with a gap from its beginning, the others where they are: keys may
    /// be in any of them, and what any of them brings from now on is newer than what they have brought. A snapshot is read again:
    /// what it brought once is not what the source has now.
    /// </summary>
    private static Transaction? BeginAnew(Snapshot snapshot, IReadOnlyList<SplitGap> gaps)
    {
        var histories = snapshot.Histories;
        if (gaps.Any(gap => histories.Find(gap.Split) is null || snapshot.Position(gap.Split) != gap.Range.To)) return null;
        var splits = histories.BySplit.Where(pair => pair.Value.Identity == histories.Find(gaps[0].Split)!.Identity && snapshot.Position(pair.Key) is not null)
            .Select(pair => KeyValuePair.Create(pair.Key, Behind(pair.Value, gaps.FirstOrDefault(gap => gap.Split == pair.Key)))).ToList();
        var from = splits.Where(pair => pair.Value.IsSnapshot).ToDictionary(pair => pair.Key, _ => (long?)0);
        foreach (var gap in gaps) from[gap.Split] = gap.BeginsAt ?? gap.Range.From;
        var begun = NextEpoch.Of(Operation, snapshot, splits, from);
        return begun with
        {
            Properties = begun.Properties.SetItems(gaps.Select(gap => KeyValuePair.Create<string, string?>(SplitHalt.KeyOf(gap.Split), null))),
            Parameters = ParametersOf(gaps[0].Split, gaps[0].Range.From, gaps[0].Range.To).Add("epoch", Text(NextEpoch.NumberOf(snapshot))),
        };
    }

    /// <summary>Where all that came before another form is left out, the epoch that begins is the one that the form was to begin.</summary>
    private static SplitHistory Behind(SplitHistory history, SplitGap? gap) => gap?.BeginsAt is not null && history.Form is { } form ? history with { Form = form with { IsOver = false } } : history;

    /// <summary>A split without a position in its epoch is read from its beginning.</summary>
    private static Transaction? ReadAgain(Snapshot snapshot, string identity)
    {
        var histories = snapshot.Histories;
        if (histories.Newest is not { } newest || newest.Identity != identity) return null;
        var splits = histories.BySplit.Where(pair => pair.Value.Identity == identity).ToList();
        var snapshots = splits.Where(pair => pair.Value.IsSnapshot).ToDictionary(pair => pair.Key, _ => (long?)0);
        // What a stream brings goes on beside the snapshot.
        return NextEpoch.Of(BackfillOperation, snapshot, splits, snapshots.Count > 0 ? snapshots : splits.ToDictionary(pair => pair.Key, _ => (long?)null)) with
        {
            Parameters = ImmutableDictionary<string, string>.Empty.Add("epoch", Text(NextEpoch.NumberOf(snapshot))),
        };
    }

    private static ImmutableDictionary<string, string> ParametersOf(SplitId split, long from, long to) => ImmutableDictionary<string, string>.Empty
        .Add("split", split.ToString())
        .Add("from", Text(from))
        .Add("to", Text(to));

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
