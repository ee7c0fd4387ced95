using System.Collections.Immutable;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Gold;

/// <summary>One run of a Gold table: its query over pinned inputs replaces the table, or what differs of it, in one commit.</summary>
internal sealed class GoldRun(JobExecution execution, JobCommits commits, JobSpec spec)
{
    private readonly IReadOnlyList<Apache.Arrow.Field> _columns = [.. spec.Columns.Select(column => column.ToField())];

    public async Task<JobResult> RunAsync(CancellationToken cancellationToken)
    {
        var gold = await commits.OpenAsync(spec.Table, _columns, everyRun: true, cancellationToken);
        if (gold.IsDone)
        {
            var done = await RunHistory.FindAsync(gold.Table, spec.Pins.Run, cancellationToken);
            return Result(done is { } run ? await gold.Table.AtVersionAsync(run.Version, cancellationToken) : gold.Table.Current);
        }

        var definition = gold.Before.Position(JobPlanner.DefinitionAppId);
        var root = execution.Store.Location;
        var merge = GoldSteps.MergeOf(spec, gold.Before);
        var document = merge is null ? GoldSteps.Full(spec, root) : GoldSteps.Merge(spec, root, gold.Before, merge);
        using var pin = gold.Table.Pin(gold.Before);
        var answer = await execution.RunAsync(document, ImmutableDictionary<string, Snapshot?>.Empty.Add(spec.Table.ToString(), gold.Table.Current), cancellationToken);
        var files = merge?.Files(answer, commits.Now) ?? Replaced(answer, gold.Before);
        var moves = JobCommits.Reads(spec.Pins.Inputs, gold.Before);
        if (definition != spec.Definition) moves = moves.Append(new TxnMove(JobPlanner.DefinitionAppId, definition, spec.Definition!.Value));
        var metrics = ImmutableDictionary<string, string>.Empty.Add("numRowsAdded", files.RowsAdded.ToString()).AddRange(answer.Metrics);
        // A table of other types is one that was made anew: all its files go.
        var isRetyped = JobCommits.Retyped(gold.Before, _columns) is not null;
        var made = await commits.CommitAsync(gold, files, moves, merge is null ? "WRITE" : "MERGE", metrics,
            isRetyped ? new Apache.Arrow.Schema(_columns, null) : JobCommits.Evolved(gold.Before, _columns), cancellationToken, replacesSchema: isRetyped, properties: Properties(gold.Before));
        await execution.TidyAsync(cancellationToken);
        return Result(made);
    }

    private ImmutableDictionary<string, string?> Properties(Snapshot before) => spec.Contract is null || spec.Contract == before.Metadata.Configuration.GetValueOrDefault(ContractShape.Property)
        ? ImmutableDictionary<string, string?>.Empty : ImmutableDictionary<string, string?>.Empty.Add(ContractShape.Property, spec.Contract);

    private JobResult Result(Snapshot snapshot) => new(spec.Pins.Table, spec.Pins.Run, snapshot.Version, snapshot.RowCount, null, default);

    private MergeFiles Replaced(CheckedAnswer answer, Snapshot before)
    {
        var output = answer.Output(spec.Table);
        return new MergeFiles(output.Adds, [.. before.Files.Select(file => CheckedOutput.Remove(file, commits.Now))], output.Rows - (before.RowCount ?? 0));
    }
}
