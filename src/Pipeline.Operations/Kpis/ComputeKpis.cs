using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Operations.Inspection;

namespace Pipeline.Operations.Kpis;

/// <param name="Days">How many days, today among them.</param>
/// <param name="SlaOf">How late a table may be.</param>
public sealed record KpiRequest(int Days, Func<TableId, TimeSpan> SlaOf);

/// <param name="Days">By day, then by table.</param>
/// <param name="Failed">Tables whose logs cannot be read.</param>
public sealed record KpiResult(string Lake, IReadOnlyList<TableDay> Days, IReadOnlyList<FailedTable> Failed);

/// <param name="Days">How many days were kept; 0: there was nothing to keep, or somebody else has.</param>
/// <param name="Failed">Tables whose logs cannot be read: the days were kept without them.</param>
public sealed record KeptKpis(int Days, IReadOnlyList<FailedTable> Failed)
{
    public static readonly KeptKpis Nothing = new(0, []);
}

/// <summary>How the tables did, from the lake's own history: the days that are kept, and the others from the logs.</summary>
public static class ComputeKpis
{
    /// <summary>A commit of the last moment of a day may be stored a little later.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromMinutes(10);

    /// <exception cref="PipelineException">The lake cannot be listed.</exception>
    public static async Task<KpiResult> RunAsync(KpiRequest request, Lake lake, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var now = time.GetUtcNow();
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        var from = today.AddDays(1 - Math.Max(1, request.Days));
        var table = await lake.TryOpenAsync(KpiTable.Id, cancellationToken);
        var kept = table is null ? [] : await KpiTable.ReadAsync(table, from, cancellationToken);
        var (days, failed) = await FromLogsAsync(lake, KpiTable.KeptUntil(table) is { } until && until >= from ? until.AddDays(1) : from, today, now, request.SlaOf, cancellationToken);
        return new KpiResult(lake.Store.Location, [.. kept, .. days], failed);
    }

    /// <summary>Keeps the days that are over and not kept yet, as far back as the logs tell. A day is kept once, whoever keeps it.</summary>
    /// <exception cref="PipelineException">The lake cannot be read or written.</exception>
    public static async Task<KeptKpis> KeepAsync(Lake lake, Func<TableId, TimeSpan> slaOf, TimeProvider time, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var last = DateOnly.FromDateTime((now - Settled).UtcDateTime).AddDays(-1);
        var keptUntil = KpiTable.KeptUntil(await lake.TryOpenAsync(KpiTable.Id, cancellationToken));
        if (keptUntil >= last) return KeptKpis.Nothing;
        var (past, failed) = await LakePast.ReadAsync(lake, keptUntil is { } kept ? Midnight(kept.AddDays(1)) : DateTimeOffset.MinValue, cancellationToken);
        // What is away comes back, and then its days are complete.
        if (failed.FirstOrDefault(table => table.Fault.IsTransient) is { } away) throw new PipelineException(away.Fault.Kind, away.Fault.Thing, away.Fault.Cause, away.Fault.NextStep);
        if (past.Begins is not { } begins) return KeptKpis.Nothing;
        var first = Max(DateOnly.FromDateTime(begins.UtcDateTime), keptUntil?.AddDays(1) ?? DateOnly.MinValue);
        if (first > last) return KeptKpis.Nothing;
        var days = new List<TableDay>();
        for (var day = first; day <= last; day = day.AddDays(1)) days.AddRange(await past.OfDayAsync(day, Midnight(day.AddDays(1)), slaOf, cancellationToken));
        return new KeptKpis(await KpiTable.AppendAsync(lake, days, keptUntil, last, cancellationToken) ? last.DayNumber - first.DayNumber + 1 : 0, failed);
    }

    private static async Task<(IReadOnlyList<TableDay> Days, IReadOnlyList<FailedTable> Failed)> FromLogsAsync(Lake lake, DateOnly from, DateOnly today, DateTimeOffset now,
        Func<TableId, TimeSpan> slaOf, CancellationToken cancellationToken)
    {
        var (past, failed) = await LakePast.ReadAsync(lake, Midnight(from), cancellationToken);
        var days = new List<TableDay>();
        for (var day = from; day <= today; day = day.AddDays(1)) days.AddRange(await past.OfDayAsync(day, day == today ? now : Midnight(day.AddDays(1)), slaOf, cancellationToken));
        return (days, failed);
    }

    private static DateTimeOffset Midnight(DateOnly day) => new(day, default, TimeSpan.Zero);

    private static DateOnly Max(DateOnly one, DateOnly other) => one > other ? one : other;
}
