using System.Globalization;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Node.Cli;
using Pipeline.Operations.Drafting;
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
        var progress = new SyncProgress(bronze, context.Messages, context.Time);
        // Before anything is looked at.
        var landed = new LandedTables(context.Time);
        await using var node = await NodeHost.StartAsync(options, lake, logs, context.Time, cancellationToken);
        using var breakingOff = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var doing = Background.RunAsync(async cancel => await new OnceRun(node, [bronze, silver], landed, context.Time) { OnLook = progress.On }.RunAsync(cancel), breakingOff.Token);
        var gone = node.GoneAsync();
        var first = await Task.WhenAny(doing, gone);
        await breakingOff.CancelAsync();
        var done = await doing;
        if (first == gone) throw await gone;
        await node.StopAsync();
        switch (done)
        {
            case Outcome<IReadOnlyList<string>>.Done { Value: var standing }:
                await TellAsync(bronze, silver, progress, cancellationToken);
                return standing;
            case Outcome<IReadOnlyList<string>>.Failed { Cause: var cause }:
                Background.ThrowIfAny(cause);
                return null;
            default:
                return null;
        }
    }

    private async Task TellAsync(TableId bronze, TableId silver, SyncProgress progress, CancellationToken cancellationToken)
    {
        context.Messages.WriteLine(progress.Words(await RowsAsync(bronze)));
        var (rows, aside) = (await RowsAsync(silver), await RowsAsync(TableId.Quarantine(silver.Name)));
        context.Messages.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{silver}: {rows:#,0} rows{(aside > 0 ? $"; {aside:#,0} are in the quarantine, see: ./pipeline quarantine show {silver} --lake {lake.Store.Location}" : "")}"));

        async Task<long> RowsAsync(TableId table) => (await lake.TryOpenAsync(table, cancellationToken))?.Current.RowCount ?? 0;
    }

    /// <summary>What a run leaves on this machine, which nobody needs when it has ended.</summary>
    private sealed class WorkDirectory : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("pipeline-sync-").FullName;

        /// <summary>What cannot be removed is left for whoever empties the directory of temporary files.</summary>
        public void Dispose() => _ = Background.Failure(() => Directory.Delete(Path, recursive: true));
    }
}
