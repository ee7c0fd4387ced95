using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Jobs.Rebuild;

/// <summary>The pins of the run that puts what was built in its place.</summary>
internal static class RebuildPins
{
    public static async ValueTask<JobPins> OfAsync(OpenTables tables, SilverContract contract, TableId built, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var (live, beside) = (await tables.TryOpenAsync(contract.Table, cancellationToken), (await tables.TryOpenAsync(built, cancellationToken))!.Current);
        var lastRun = live?.Current.Position(JobPins.RunAppId) ?? await RunHistory.LastOfAsync(tables, contract.Table, cancellationToken);
        // What was read first; then what was built.
        var read = Reflected.AllOf(beside).OrderBy(one => one.Table != contract.From).ThenBy(one => one.Table.ToString(), StringComparer.Ordinal)
            .Select(one => new PinnedInput(one.Table, null, one.Version) { Id = one.Id });
        var targets = new List<PinnedTarget>();
        var inputs = read.ToList();
        foreach (var (id, from) in new[] { (contract.Table, built), (TableId.Quarantine(contract.Table.Name), TableId.Quarantine(built.Name)), (SilverTables.Deleted(contract.Table), SilverTables.Deleted(built)) })
        {
            targets.Add(new PinnedTarget(id, (await tables.TryOpenAsync(id, cancellationToken))?.Current.Version));
            if (await tables.TryOpenAsync(from, cancellationToken) is { } table) inputs.Add(new PinnedInput(from, null, table.Current.Version) { Id = table.Current.Metadata.Id });
        }

        return new JobPins
        {
            Table = contract.Table,
            Run = lastRun + 1,
            RequestedAt = now,
            Inputs = [.. inputs],
            Targets = [.. targets],
            IsAnew = true,
            RebuiltFrom = built,
        };
    }

    /// <summary>It computes nothing.</summary>
    public static JobSpec Spec(JobPins pins) => new() { Pins = pins, Kind = JobKind.Switch, Dialect = SqlDialect.DuckDb, Inputs = [], Columns = [], Key = [] };
}
