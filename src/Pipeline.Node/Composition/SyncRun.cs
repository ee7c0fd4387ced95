using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Node.Cli;
using Pipeline.Operations.Drafting;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Composition;

/// <summary>Runs a configuration that nobody has written until its table has what its source had, and says how fast.</summary>
/// <param name="text">What the draft is as a file.</param>
internal sealed class SyncRun(TableDraft draft, string text, Lake lake, NodeLoggerFactory logs, NodeContext context)
{
    /// <returns>Why tables are halted or stopped, a line for each reason; null: it was broken off.</returns>
    public async Task<IReadOnlyList<string>?> RunAsync(ReadEnvironmentVariable environment, CancellationToken cancellationToken)
    {
        using var work = new WorkDirectory();
        var options = PipelineOptions.Load(Path.Combine(AppContext.BaseDirectory, "hocon", $"{draft.Source}.conf"), SourceKinds.All, lakeLocation: null, environment,
            $"{text}\npipeline.transform {{ journal.connection = {TableDraft.Quote($"Data Source={Path.Combine(work.Path, "journal.db")}")}, temp-directory = {TableDraft.Quote(Path.Combine(work.Path, "work"))} }}");
        var (bronze, silver) = DraftedConfiguration.TablesOf(draft);
        var counter = new RowCounter(lake, [bronze]);
        var progress = new SyncProgress(bronze, counter, await counter.CountAsync(cancellationToken), context.Messages, context.Time);
        // Before anything is looked at.
        var landed = new LandedTables(context.Time);
        await using var node = await NodeHost.StartAsync(options, lake, logs, context.Time, cancellationToken);
        using var breakingOff = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var doing = Background.RunAsync(async cancel => await new OnceRun(node, [bronze, silver], landed, context.Time) { OnLook = progress.LookAsync, OnLanded = progress.SayAsync }.RunAsync(cancel), breakingOff.Token);
        var gone = node.GoneAsync();
        var first = await Task.WhenAny(doing, gone);
        await breakingOff.CancelAsync();
        var done = await doing;
        if (first == gone) throw await gone;
        await node.StopAsync();
        switch (done)
        {
            case Outcome<IReadOnlyList<string>>.Done { Value: var standing }:
                Tell(bronze, silver, await progress.EndAsync(cancellationToken));
                return standing;
            case Outcome<IReadOnlyList<string>>.Failed { Cause: var cause }:
                Background.ThrowIfAny(cause);
                return null;
            default:
                return null;
        }
    }

    private void Tell(TableId bronze, TableId silver, RowCount rows)
    {
        var ofLake = $" --lake {lake.Store.Location}";
        if (rows.DeadLetters > 0) context.Messages.WriteLine($"Why they are dead letters: ./pipeline dlq show {bronze}{ofLake}");
        if (rows.Quarantined > 0) context.Messages.WriteLine($"Why they are in the quarantine: ./pipeline quarantine show {silver}{ofLake}");
    }

    /// <summary>What a run leaves on this machine, which nobody needs when it has ended.</summary>
    private sealed class WorkDirectory : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("pipeline-sync-").FullName;

        /// <summary>What cannot be removed is left for whoever empties the directory of temporary files.</summary>
        public void Dispose() => _ = Background.Failure(() => Directory.Delete(Path, recursive: true));
    }
}
