using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Graph;

namespace Pipeline.Transform.Jobs;

/// <summary>What became of the rows of a quarantine that were judged again.</summary>
/// <param name="Entered">They break no rule any more: the table has them, or a newer row of their key.</param>
/// <param name="Settled">Their source has a newer row of their key that is good, or has removed them.</param>
/// <param name="Stay">Rows in the quarantine now.</param>
public sealed record RedrivenQuarantine(TableId Table, long Entered, long Settled, long Stay);

/// <summary>
/// Judges all rows of a table's quarantine again, in runs of bounded size, as every run in this process. Done again it finds the
/// same; cut off, whoever plans the table next goes on. Safe beside a running pipeline.
/// </summary>
public sealed class QuarantineRedrive
{
    /// <summary>Times that a running pipeline may have committed to the table meanwhile.</summary>
    private const int RacesMax = 50;

    private readonly SilverContract _contract;
    private readonly OpenTables _tables;
    private readonly JobPlanner _planner;
    private readonly JobRunner _runner;

    public QuarantineRedrive(Lake lake, TransformGraph graph, SilverContract contract, TransformOptions options, TimeProvider time)
    {
        _contract = contract with { Engine = EngineKind.Duckdb };
        _tables = new OpenTables(lake);
        _planner = new JobPlanner(_tables, new TransformGraph([_contract, .. graph.Silver.Where(other => other.Table != contract.Table)], []), options, time);
        _runner = new JobRunner(_tables, new DuckDbEngine(lake.Store, options), options, time);
    }

    /// <exception cref="PipelineException">A run cannot be: the rows that were judged before it are.</exception>
    public async Task<RedrivenQuarantine> RunAsync(CancellationToken cancellationToken)
    {
        var (asked, races, entered, settled) = (await RedrivesAsync(cancellationToken) + 1, 0, 0L, 0L);
        while (await PlanAsync(asked, cancellationToken) is { } pins)
        {
            try
            {
                var run = await _runner.RunAsync(await _planner.ExpandAsync(pins, SqlDialect.DuckDb, cancellationToken), cancellationToken);
                if (pins.Redrives != asked || pins.JudgesAgain != true) continue;
                (entered, settled) = (entered + (run.Quality?.Released - run.Quality?.Settled ?? 0), settled + (run.Quality?.Settled ?? 0));
                if (!run.IsBehind) break;
            }
            catch (JobSupersededException) when (races++ < RacesMax)
            {
                // A run of the pipeline came first.
            }
        }

        return new RedrivenQuarantine(_contract.Table, entered, settled, (await _tables.TryOpenAsync(TableId.Quarantine(_contract.Table.Name), cancellationToken))?.Current.RowCount ?? 0);
    }

    private async ValueTask<JobPins?> PlanAsync(long asked, CancellationToken cancellationToken)
    {
        if (await RedrivesAsync(cancellationToken) < asked) return await _planner.PlanRedriveAsync(_contract, cancellationToken);
        // The rest of it, unless the pipeline has done that already.
        return await _planner.PlanAsync(_contract.Table, cancellationToken) is { JudgesAgain: true } rest ? rest : null;
    }

    private async ValueTask<long> RedrivesAsync(CancellationToken cancellationToken) =>
        (await _tables.TryOpenAsync(_contract.Table, cancellationToken))?.Current.Position(JobPlanner.RedrivesAppId) ?? 0;
}
