using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Demo.Session;

/// <summary>A table of the lake at a moment.</summary>
/// <param name="RowsPerSecond">Over the last few seconds; for tables that are replaced as a whole, the change of their size.</param>
/// <param name="Age">Since the last commit; null: there is no such table yet.</param>
internal readonly record struct TableGlance(long Version, long Rows, double RowsPerSecond, TimeSpan? Age)
{
    public static readonly TableGlance Absent = new(-1, 0, 0, null);

    public bool Exists => Version >= 0;
}

/// <summary>
/// Looks at tables again and again, reading only what is new in their logs. A table that cannot be looked at is as it was
/// last seen: whoever needs the lake says that it is away.
/// </summary>
/// <param name="turns">Tables of one turn are looked at together, each turn after the one before: what a table is made of is looked at after it.</param>
internal sealed class LakeWatch(Lake lake, IReadOnlyList<IReadOnlyList<TableId>> turns, TimeProvider time)
{
    /// <summary>Tables looked at at once: hides the latency of a bucket.</summary>
    private const int AtOnceMax = 8;

    /// <summary>So often a table is looked for that nobody says was made: its maker may have ended before it said so.</summary>
    private const int LooksForAll = 4;

    private static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<TableId, DeltaTable> _open = new();
    private readonly ConcurrentDictionary<TableId, TableGlance> _seen = new();
    private readonly ConcurrentDictionary<TableId, Queue<(DateTimeOffset At, long Rows)>> _history = new();
    private volatile PipelineException? _missed;
    private int _looks;

    public async Task<IReadOnlyDictionary<TableId, TableGlance>> LookAsync(CancellationToken cancellationToken)
    {
        _missed = null;
        var made = await TryListAsync(cancellationToken);
        foreach (var turn in turns)
            await Parallel.ForEachAsync(turn.Where(table => made is null || made.Contains(table) || _open.ContainsKey(table)), new ParallelOptions { MaxDegreeOfParallelism = AtOnceMax, CancellationToken = cancellationToken }, TryLookAsync);
        return turns.SelectMany(turn => turn).ToDictionary(table => table, table => _seen.GetValueOrDefault(table, TableGlance.Absent));
    }

    /// <summary>A table as it was at the last look; null: it was not there.</summary>
    /// <exception cref="PipelineException">Not all tables could be looked at then, so that they do not belong together.</exception>
    public DeltaTable? Seen(TableId table)
    {
        if (_missed is { } missed) ExceptionDispatchInfo.Throw(missed);
        return _open.GetValueOrDefault(table);
    }

    /// <summary>Those that are worth a look; null: all.</summary>
    private async Task<IReadOnlySet<TableId>?> TryListAsync(CancellationToken cancellationToken)
    {
        if (_looks++ % LooksForAll == 0) return null;
        try
        {
            return await MadeTables.ListAsync(lake.Store, cancellationToken);
        }
        catch (PipelineException e) when (!cancellationToken.IsCancellationRequested)
        {
            _missed = e;
            return null;
        }
    }

    private async ValueTask TryLookAsync(TableId table, CancellationToken cancellationToken)
    {
        // A store that is away answers for no other either, and each question would take its time again.
        if (_missed is { Dependency: not null }) return;
        try
        {
            _seen[table] = await LookAsync(table, cancellationToken);
        }
        catch (PipelineException e) when (!cancellationToken.IsCancellationRequested)
        {
            // As it was.
            if (_missed is null || e.Dependency is not null) _missed = e;
        }
    }

    private async Task<TableGlance> LookAsync(TableId id, CancellationToken cancellationToken)
    {
        if (_open.TryGetValue(id, out var table)) await table.RefreshAsync(cancellationToken);
        else if (await lake.TryOpenAsync(id, cancellationToken) is { } opened) _open[id] = table = opened;
        if (table is null) return TableGlance.Absent;

        var snapshot = table.Current;
        var rows = snapshot.RowCount ?? 0;
        var now = time.GetUtcNow();
        return new TableGlance(snapshot.Version, rows, RateOf(id, now, rows), now.Since(snapshot.CommittedAt));
    }

    private double RateOf(TableId id, DateTimeOffset now, long rows)
    {
        var history = _history.GetOrAdd(id, _ => new());
        history.Enqueue((now, rows));
        while (history.Count > 2 && now - history.Peek().At > RateWindow) history.Dequeue();
        var (since, before) = history.Peek();
        return now > since ? Math.Max(0, (rows - before) / (now - since).TotalSeconds) : 0;
    }
}
