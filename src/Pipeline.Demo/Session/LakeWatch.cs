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
internal sealed class LakeWatch(Lake lake, IReadOnlyList<TableId> tables, TimeProvider time)
{
    private static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(5);

    private readonly Dictionary<TableId, DeltaTable> _open = [];
    private readonly Dictionary<TableId, TableGlance> _seen = [];
    private readonly Dictionary<TableId, Queue<(DateTimeOffset At, long Rows)>> _history = [];

    public IReadOnlyList<TableId> Tables => tables;

    public async Task<IReadOnlyDictionary<TableId, TableGlance>> LookAsync(CancellationToken cancellationToken)
    {
        var glances = new Dictionary<TableId, TableGlance>();
        var isAway = false;
        foreach (var table in tables)
        {
            try
            {
                if (!isAway) _seen[table] = await LookAsync(table, cancellationToken);
            }
            catch (PipelineException e) when (!cancellationToken.IsCancellationRequested)
            {
                // As it was. A store that is away answers for no other either, and each question would take its time again.
                isAway = e.Dependency is not null;
            }

            glances[table] = _seen.GetValueOrDefault(table, TableGlance.Absent);
        }

        return glances;
    }

    private async Task<TableGlance> LookAsync(TableId id, CancellationToken cancellationToken)
    {
        if (!_open.TryGetValue(id, out var table))
        {
            if (await lake.TryOpenAsync(id, cancellationToken) is not { } opened) return TableGlance.Absent;
            _open[id] = table = opened;
        }

        var snapshot = await table.RefreshAsync(cancellationToken);
        var rows = snapshot.RowCount ?? 0;
        var now = time.GetUtcNow();
        return new TableGlance(snapshot.Version, rows, RateOf(id, now, rows), now.Since(snapshot.CommittedAt));
    }

    private double RateOf(TableId id, DateTimeOffset now, long rows)
    {
        if (!_history.TryGetValue(id, out var history)) _history[id] = history = new();
        history.Enqueue((now, rows));
        while (history.Count > 2 && now - history.Peek().At > RateWindow) history.Dequeue();
        var (since, before) = history.Peek();
        return now > since ? Math.Max(0, (rows - before) / (now - since).TotalSeconds) : 0;
    }
}
