using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Ingest;
using Pipeline.Ingest.DeadLetters;

namespace Pipeline.Operations.Verification;

/// <summary>
/// One pass over the commits that a table's log has: whether they are there, can be read, follow each other and are this pipeline's. One that
/// is damaged is a flaw of its own, and the others are looked at all the same.
/// </summary>
/// <remarks>Memory grows with the files that are live: who moves rows from file to file is asked how many.</remarks>
internal sealed class LogWalk
{
    private readonly TableId _id;
    private readonly bool _mayRepeat;
    private readonly bool _arePositionsInRange;
    private readonly Dictionary<string, long?> _rows = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _positions = new(StringComparer.Ordinal);
    private long? _redrives;
    private bool _isBroken;

    private LogWalk(TableId id, bool mayRepeat, bool arePositionsInRange)
    {
        _id = id;
        _mayRepeat = mayRepeat;
        _arePositionsInRange = arePositionsInRange;
    }

    public List<Flaw> OfCommits { get; } = [];

    public List<Flaw> OfPositions { get; } = [];

    public int Commits { get; private set; }

    /// <summary>The oldest commit that is there; null: there is none.</summary>
    public long? Oldest { get; private set; }

    /// <summary>The newest version below the first commit that cannot be read; null: all can be read.</summary>
    public long? WholeUpTo { get; private set; }

    public long Moves { get; private set; }

    public int Splits => _positions.Count;

    /// <summary>Whether everything that has happened to the table was looked at.</summary>
    public bool IsComplete => Oldest == 0 && !_isBroken;

    /// <summary>Rows that this pipeline's commits have added; null: a file does not say how many it has.</summary>
    public long? Added { get; private set; } = 0;

    /// <summary>What was given up by commits that did not count it, as those of releases before.</summary>
    public long GivenUpUncounted { get; private set; }

    /// <param name="snapshot">The table; null: it cannot be read.</param>
    /// <param name="mayRepeat">Its source reads rows again on purpose.</param>
    public static async Task<LogWalk> OfAsync(TableLog log, TableId id, Snapshot? snapshot, bool mayRepeat, CancellationToken cancellationToken)
    {
        // Letters that only a later reading saw lie below where their table stands.
        var walk = new LogWalk(id, mayRepeat || id.Name == TableId.DeadLetterName, snapshot is null || BronzeShape.Of(snapshot.Schema).ArePositionsInRange);
        var commits = await log.CommitsAsync(cancellationToken);
        walk.Oldest = commits.Count == 0 ? null : commits[0];
        if (walk.Oldest == 0) walk._redrives = 0;
        var expected = walk.Oldest ?? 0;
        foreach (var version in commits)
        {
            for (; expected < version; expected++) walk.Breaks(expected, new CommitIsMissing(expected));
            expected = version + 1;
            IReadOnlyList<DeltaAction>? actions;
            try
            {
                actions = await log.TryReadAsync(version, cancellationToken);
            }
            catch (PipelineException e) when (!e.IsTransient)
            {
                walk.Breaks(version, new CommitIsDamaged(version, Fault.Of(e.Thing, e)));
                continue;
            }

            if (actions is null) walk.Breaks(version, new CommitIsMissing(version));
            else walk.See(version, actions);
        }

        if (snapshot is not null && !walk._isBroken)
            foreach (var (appId, position) in walk._positions)
                if (snapshot.Position(appId) != position) walk.OfPositions.Add(new PositionDiffers(SplitId.Parse(appId), snapshot.Position(appId), position));
        return walk;
    }

    private void Breaks(long version, Flaw flaw)
    {
        OfCommits.Add(flaw);
        if (!_isBroken) WholeUpTo = version - 1;
        _isBroken = true;
        // What it has moved is not known: the ones after it have nothing to follow.
        _positions.Clear();
        _redrives = null;
        Added = null;
    }

    private void See(long version, IReadOnlyList<DeltaAction> actions)
    {
        Commits++;
        var info = actions.OfType<CommitInfo>().FirstOrDefault();
        var ranges = _id.Layer == Layer.Bronze ? Follow(version, actions) : [];
        var isRedrive = FollowRedrive(version, actions);
        var (added, removed) = (actions.OfType<AddFile>().ToList(), actions.OfType<RemoveFile>().ToList());
        var isOurs = version == 0 || info?.EngineInfo == CommitInfo.OwnEngine;
        // A file may be added again with other statistics or tags: no row comes or goes.
        var (news, gone) = (added.Where(file => file.DataChange && file.RowCount != 0 && !_rows.ContainsKey(file.Path)).ToList(), removed.Where(file => file.DataChange).ToList());
        var isPurge = actions.OfType<TxnAction>().Any(txn => txn.AppId == RowCounts.Removed);
        var mayChange = isOurs && (_id.Layer != Layer.Bronze || isPurge || (gone.Count == 0 && (ranges.Count > 0 || isRedrive)));
        if (!mayChange && (news.Count > 0 || gone.Count > 0 || ranges.Count > 0)) OfCommits.Add(new OtherCommitChangesData(version, info?.Operation ?? "", news.Count, gone.Count));
        else if (!isPurge) Added += Sum(news.Select(file => file.RowCount));
        if (mayChange && ranges.Count > 0 && _arePositionsInRange)
            foreach (var file in news)
                if (Outside(version, file, ranges) is { } flaw) OfPositions.Add(flaw);

        var moved = added.Where(file => !file.DataChange).Select(file => file.RowCount).ToList();
        var left = removed.Where(file => !file.DataChange).Select(file => _rows.GetValueOrDefault(file.Path)).ToList();
        if (Sum(moved) is { } after && Sum(left) is { } before && after != before) OfCommits.Add(new RearrangementChangesRows(version, before, after));

        foreach (var file in removed) _rows.Remove(file.Path);
        foreach (var file in added) _rows[file.Path] = file.RowCount;
        if (info?.Operation == GapAcceptance.Operation && !actions.OfType<TxnAction>().Any(txn => txn.AppId == RowCounts.GivenUp)) GivenUpUncounted += GapOf(info);
    }

    /// <returns>The ranges by which the commit moves splits.</returns>
    private List<(long? From, long To)> Follow(long version, IReadOnlyList<DeltaAction> actions)
    {
        var ranges = new List<(long? From, long To)>();
        foreach (var txn in actions.OfType<TxnAction>().Where(txn => txn.AppId.StartsWith($"{_id.Source}/", StringComparison.Ordinal)))
        {
            long? from = _positions.TryGetValue(txn.AppId, out var known) ? known : null;
            if (txn.Version <= from) OfPositions.Add(new PositionWentBack(version, SplitId.Parse(txn.AppId), from.Value, txn.Version));
            _positions[txn.AppId] = txn.Version;
            ranges.Add((from, txn.Version));
            Moves++;
        }

        return ranges;
    }

    private bool FollowRedrive(long version, IReadOnlyList<DeltaAction> actions)
    {
        if (actions.OfType<TxnAction>().FirstOrDefault(txn => txn.AppId == Redrive.AppId) is not { } redrive) return false;
        if (redrive.Version != (_redrives ?? redrive.Version - 1) + 1) OfPositions.Add(new RedriveIsOutOfTurn(version, _redrives, redrive.Version));
        _redrives = redrive.Version;
        return true;
    }

    /// <summary>What is wrong with a file's rows by its statistics; null: nothing, or it has none.</summary>
    private FileIsOutsideItsRange? Outside(long version, AddFile file, List<(long? From, long To)> ranges)
    {
        if (Statistics.Bounds(file.Stats, BronzeColumns.Position) is not var (min, max)) return null;
        var to = ranges.Max(range => range.To);
        long? from = _mayRepeat || ranges.Exists(range => range.From is null) ? null : ranges.Min(range => range.From);
        return max >= to || min < from ? new FileIsOutsideItsRange(version, min, max, from, to) : null;
    }

    private static long? Sum(IEnumerable<long?> rows)
    {
        long? sum = 0;
        foreach (var one in rows) sum += one;
        return sum;
    }

    private static long GapOf(CommitInfo info) => Number(info, "to") is { } to && Number(info, "from") is { } from ? Math.Max(0, to - from) : 0;

    private static long? Number(CommitInfo info, string parameter) =>
        info.OperationParameters.TryGetValue(parameter, out var text) && long.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number : null;
}
