using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Jobs.Rebuild;

/// <param name="Rows">Of the table after it; null: unknown.</param>
/// <param name="Exceeds">As of <see cref="JobResult"/>.</param>
/// <param name="Mended">As of <see cref="JobResult"/>.</param>
/// <param name="Added">As of <see cref="JobResult"/>.</param>
public sealed record RebuiltTable(TableId Table, long Version, long? Rows, MassQuarantine? Exceeds = null, MassQuarantine? Mended = null, AddedColumns? Added = null);

/// <summary>
/// Makes Silver and Gold tables anew from what their inputs hold now. A Silver table is built beside the live one, in runs of bounded
/// size in a table <c>NAME__rebuild</c>, and put in its place by one commit; a Gold table is one run. What is done so far lies in the
/// lake: begun again after it was cut off anywhere, it goes on. Safe beside a running pipeline.
/// </summary>
public sealed class TableRebuild
{
    /// <summary>Times that a running pipeline may have committed to a table while it was to be switched.</summary>
    private const int RacesMax = 50;

    private readonly Lake _lake;
    private readonly TransformGraph _graph;
    private readonly TransformOptions _options;
    private readonly TimeProvider _time;
    private readonly OpenTables _tables;
    private readonly JobRunner _runner;
    private readonly TimeLimit _limit;

    public TableRebuild(Lake lake, TransformGraph graph, TransformOptions options, TimeProvider time)
    {
        _limit = new TimeLimit(options.JobTimeMax, time);
        (_lake, _graph, _options, _time) = (lake, graph, options, time);
        _tables = new OpenTables(lake);
        _runner = new JobRunner(_tables, new DuckDbEngine(lake.Store, options), options, time);
    }

    /// <summary>Called before each commit with the table's name; a test throws here to be a crash.</summary>
    internal Action<TableId>? BeforeCommit
    {
        set => _runner.BeforeCommit = value;
    }

    /// <summary>The table, and with its dependents all Silver tables that refer to it and all Gold tables that are made of these, each after those that it reads.</summary>
    public static IReadOnlyList<TableId> TablesOf(TransformGraph graph, TableId table, bool withDependents)
    {
        var found = new HashSet<TableId> { table };
        if (!withDependents) return [table];
        // Silver tables may refer to each other in any order of the configuration.
        for (var count = 0; count != found.Count;)
        {
            count = found.Count;
            found.UnionWith(graph.Tables.Where(one => graph.InputsOf(one).Any(found.Contains)));
        }

        var ordered = new List<TableId>();
        while (ordered.Count < found.Count)
        {
            var ready = graph.Tables.Where(one => found.Contains(one) && !ordered.Contains(one)).ToList();
            ordered.Add(ready.Find(one => !graph.InputsOf(one).Any(input => input != one && ready.Contains(input))) ?? ready[0]);
        }

        return ordered;
    }

    /// <summary>Rebuilds tables, one after the other.</summary>
    /// <param name="onRebuilt">Told of each that is done; of those done before it was cut off too.</param>
    /// <exception cref="PipelineException">One of them cannot be, or somebody else rebuilds it: the ones before are done.</exception>
    public Task RunAsync(TableId table, bool withDependents, Action<RebuiltTable> onRebuilt, CancellationToken cancellationToken) =>
        RunAsync(table, withDependents, isFollowing: false, onRebuilt, cancellationToken);

    /// <summary>Rebuilds tables in this order, in which each comes after those that it reads. Begun again with the same tables it goes on.</summary>
    /// <inheritdoc cref="RunAsync(TableId, bool, Action{RebuiltTable}, CancellationToken)"/>
    public Task RunAsync(IReadOnlyList<TableId> tables, Action<RebuiltTable> onRebuilt, CancellationToken cancellationToken) => RunAsync(tables[0], tables, isFollowing: false, onRebuilt, cancellationToken);

    /// <param name="isFollowing">Because the configuration has changed: cut off between two tables, whoever follows goes on with it.</param>
    internal Task RunAsync(TableId table, bool withDependents, bool isFollowing, Action<RebuiltTable> onRebuilt, CancellationToken cancellationToken) =>
        RunAsync(table, TablesOf(_graph, table, withDependents), isFollowing, onRebuilt, cancellationToken);

    private async Task RunAsync(TableId table, IReadOnlyList<TableId> all, bool isFollowing, Action<RebuiltTable> onRebuilt, CancellationToken cancellationToken)
    {
        var progress = await RebuildProgress.BeginAsync(_lake.Store, table, all, isFollowing, cancellationToken);
        foreach (var next in all)
        {
            JobResult? switched = null;
            if (!progress.Done.Contains(next))
            {
                if (_graph.TrySilver(next) is { } contract) switched = await SilverAsync(contract, progress, cancellationToken);
                else await GoldAsync(next, cancellationToken);
                progress = progress with { Done = progress.Done.Add(next) };
                await progress.KeepAsync(_lake.Store, cancellationToken);
            }

            var current = (await _tables.TryOpenAsync(next, cancellationToken))!.Current;
            onRebuilt(new RebuiltTable(next, current.Version, current.RowCount, switched?.Exceeds, switched?.Mended, switched?.Added));
        }

        await progress.EndAsync(_lake.Store, cancellationToken);
    }

    private static TableId BesideOf(TableId table) => TableId.Silver(table.Name + TableId.RebuildSuffix);

    private static TableId[] TablesBeside(TableId beside) => [beside, TableId.Quarantine(beside.Name), SilverTables.Deleted(beside)];

    private async ValueTask<JobResult> SilverAsync(SilverContract contract, RebuildProgress progress, CancellationToken cancellationToken)
    {
        await using var claim = await _limit.RunAsync($"Table {contract.Table}", "taking the place beside it", cancel => RebuildClaim.TakeAsync(_lake.Store, contract.Table, _time, cancel), cancellationToken, isDivisible: false);
        _runner.MayCommit = claim.RequireAsync;
        try
        {
            return await SilverAsync(contract, claim, progress, cancellationToken);
        }
        finally
        {
            _runner.MayCommit = null;
        }
    }

    private async ValueTask<JobResult> SilverAsync(SilverContract contract, RebuildClaim claim, RebuildProgress progress, CancellationToken cancellationToken)
    {
        contract = await _options.KeyedAsync(contract, cancellationToken);
        var beside = BesideOf(contract.Table);
        await FinishAsync(contract.Table, cancellationToken);
        // What was begun beside it may have met values already for which a column has to be wider.
        var added = contract.Fields == FieldsPolicy.Add ? (await AddedAsync(contract.Table, cancellationToken)).AsWideAs(await AddedAsync(beside, cancellationToken)) : AddedColumns.None;
        await BuildAsync(contract, added, claim, progress, cancellationToken);
        // The types are of a look at some rows, and all were judged by them: what the live table has does not leave it because of a look.
        while (added.AsWideAs(await AddedAsync(beside, cancellationToken)) is var wider && wider.Since(added) is not null)
            await BuildAsync(contract, added = wider, claim, progress, cancellationToken);
        await CopyAsync(contract.Table, beside, cancellationToken);

        for (var races = 0; ; races++)
        {
            try
            {
                var switched = await _limit.RunAsync($"Table {contract.Table}", "putting what was rebuilt in its place", async cancel =>
                    await _runner.RunAsync(RebuildPins.Spec(await RebuildPins.OfAsync(_tables, contract, beside, _time.GetUtcNow(), cancel)), cancel), cancellationToken, isDivisible: false);
                await RemoveAsync(beside, claim, cancellationToken);
                return switched;
            }
            catch (JobSupersededException) when (races < RacesMax)
            {
                // A run of the pipeline came first; what it began is finished before.
                await FinishAsync(contract.Table, cancellationToken);
            }
        }
    }

    /// <summary>Before the switch, a file at a time: a table takes as long as it takes, and the switch, which others' commits begin again, has little to do.</summary>
    private async ValueTask CopyAsync(TableId table, TableId beside, CancellationToken cancellationToken)
    {
        var copies = new RebuildCopies(_lake.Store, (await _tables.TryOpenAsync(table, cancellationToken))?.Current.Position(JobPlanner.FirstRunAppId));
        foreach (var (to, from) in TablesBeside(table).Zip(TablesBeside(beside)))
        {
            if (await _tables.TryOpenAsync(from, cancellationToken) is not { } built) continue;
            foreach (var file in built.Current.Files)
                await _limit.RunAsync($"Table {to}", $"copying {file.Path} of {from}", cancel => copies.EnsureAsync(to, from, built.Current.Metadata.Id, file, cancel), cancellationToken, isDivisible: false);
        }
    }

    private async ValueTask<AddedColumns> AddedAsync(TableId table, CancellationToken cancellationToken) => AddedColumns.Of((await _tables.TryOpenAsync(table, cancellationToken))?.Current);

    /// <summary>Builds the table beside, or goes on with it, by a contract with columns that had come by themselves.</summary>
    private async ValueTask BuildAsync(SilverContract contract, AddedColumns added, RebuildClaim claim, RebuildProgress progress, CancellationToken cancellationToken)
    {
        var beside = BesideOf(contract.Table);
        var built = added.Extend(contract) with { Table = beside, Engine = EngineKind.Duckdb };
        var bronze = await BronzeAsync(contract, cancellationToken);
        // What was begun by another contract, of another Bronze table, or before the tables that it refers to were made anew, is of no use.
        var fingerprint = $"{progress.Id}/{Fingerprint(added.Extend(contract), bronze)}";
        if (claim.Building != fingerprint)
        {
            await RemoveAsync(beside, claim, cancellationToken);
            await claim.BuildAsync(fingerprint, cancellationToken);
        }

        if (added.ToJson() is { } columns)
            await _tables.OpenOrCreateAsync(beside, SilverTables.Columns(built, bronze.Schema), ImmutableDictionary<string, string>.Empty.Add(AddedColumns.Property, columns), cancellationToken);
        var planner = new JobPlanner(_tables, new TransformGraph([built, .. _graph.Silver], []), _options, _time);
        while (await _limit.RunAsync($"Table {beside}", "planning a run", cancel => planner.PlanAsync(beside, claim.RowsMax ?? _options.RunRowsMax, cancel), cancellationToken, isDivisible: false) is { } pins)
            await BuildAsync(planner, pins, claim, cancellationToken);
    }

    /// <summary>A run that was cut off between the commits of its tables, an earlier switch among them, comes first.</summary>
    private async ValueTask FinishAsync(TableId table, CancellationToken cancellationToken)
    {
        var planner = new JobPlanner(_tables, _graph, _options, _time);
        for (var races = 0; await _tables.TryOpenAsync(table, cancellationToken) is { } live && await RunHistory.UnfinishedAsync(_tables, table, live, cancellationToken) is { } pins; races++)
        {
            try
            {
                await RunAsync(planner, pins, cancellationToken);
            }
            catch (JobSupersededException) when (races < RacesMax)
            {
                // Somebody else has finished it.
            }
            catch (PipelineException e) when (!e.IsTransient)
            {
                // It never can be, since what it needs is gone, or not as it is: the switch takes the place of all that it was to commit.
                return;
            }
        }
    }

    private async ValueTask GoldAsync(TableId table, CancellationToken cancellationToken)
    {
        var planner = new JobPlanner(_tables, _graph, _options, _time);
        for (var races = 0; ; races++)
        {
            try
            {
                var pins = await planner.PlanWholeAsync(table, cancellationToken)
                    ?? throw new PipelineException(FaultKind.Missing, $"Table {table}", "none of the tables that it is made from is there", "Run the pipeline, or rebuild those first.");
                await RunAsync(planner, pins with { Engine = null, EngineWhy = null, Statements = null }, cancellationToken);
                return;
            }
            catch (JobSupersededException) when (races < RacesMax)
            {
                // A run of the pipeline came first.
            }
        }
    }

    /// <summary>One that was too large is told as that, and the try after it reads less at a time.</summary>
    private async ValueTask BuildAsync(JobPlanner planner, JobPins pins, RebuildClaim claim, CancellationToken cancellationToken)
    {
        try
        {
            await RunAsync(planner, pins, cancellationToken);
        }
        catch (PipelineException e) when (e.Kind == FaultKind.TooLarge && RunSize.Smaller(pins.Rows, claim.RowsMax ?? _options.RunRowsMax) is { } fewer)
        {
            await claim.ReadAtMostAsync(fewer, cancellationToken);
            throw;
        }
    }

    private async ValueTask RunAsync(JobPlanner planner, JobPins pins, CancellationToken cancellationToken) =>
        await _limit.RunAsync($"Table {pins.Table}", $"run {pins.Run}", async cancel => await _runner.RunAsync(await planner.ExpandAsync(pins, SqlDialect.DuckDb, cancel), cancel), cancellationToken);

    private async ValueTask<Snapshot> BronzeAsync(SilverContract contract, CancellationToken cancellationToken) => (await _tables.TryOpenAsync(contract.From, cancellationToken))?.Current
        ?? throw new PipelineException(FaultKind.Missing, $"Table {contract.Table}", $"{contract.From}, which it is made from, is not there", "Run the pipeline until its source has brought something.");

    private static string Fingerprint(SilverContract contract, Snapshot bronze)
    {
        var sql = new SilverSql(contract, bronze.Schema, SqlDialect.DuckDb);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', bronze.Metadata.Id, ContractShape.Of(contract).ToJson(), sql.Checked, new LatestSql(contract, bronze.Schema, SqlDialect.DuckDb).Query))));
    }

    private async ValueTask RemoveAsync(TableId beside, RebuildClaim claim, CancellationToken cancellationToken) =>
        await _limit.RunAsync($"Table {beside}", "removing it", async cancel =>
        {
            await RemoveFilesAsync(beside, claim, cancel);
            return true;
        }, cancellationToken, isDivisible: false);

    private async ValueTask RemoveFilesAsync(TableId beside, RebuildClaim claim, CancellationToken cancellationToken)
    {
        // Of what is half removed nothing is of use.
        await claim.BuildAsync(null, cancellationToken);
        foreach (var id in TablesBeside(beside))
        {
            // The log last: what is left of a table without one would be found by nobody.
            var paths = new List<string>();
            await foreach (var found in _lake.Store.ListAsync($"{id}/", startAt: null, cancellationToken))
            {
                // On a disk a directory from which the last file has gone is listed too.
                if (!found.Path.EndsWith('/')) paths.Add(found.Path);
            }

            foreach (var path in paths.OrderBy(path => path.StartsWith($"{id}/_delta_log/", StringComparison.Ordinal)).ThenByDescending(path => path, StringComparer.Ordinal))
                await _lake.Store.DeleteAsync(path, cancellationToken);
            await MadeTables.ForgetAsync(_lake.Store, id, cancellationToken);
        }
    }
}
