using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Jobs.Rebuild;

/// <summary>What a changed configuration means for the tables that are there.</summary>
/// <param name="options">With the key of masks.</param>
public sealed class ChangedTables(OpenTables tables, TransformGraph graph, TransformOptions options)
{
    /// <summary>
    /// What has changed of a table's configuration since its rows were made. Nothing for a table that is not there, or whose log does
    /// not say by what contract it was made.
    /// </summary>
    /// <exception cref="PipelineException">Its log cannot be read, or it masks and has no key.</exception>
    public async ValueTask<IReadOnlyList<ContractChange>> SinceAsync(TableId table, CancellationToken cancellationToken)
    {
        if (await tables.TryOpenAsync(table, cancellationToken) is not { } made || made.Current.Position(JobPins.RunAppId) is null) return [];
        if (graph.TryGold(table) is { } node)
            return GoldShape.Of(node.Gold).ChangesSince(made.Current, JobPlanner.Fingerprint(node.Gold));
        if (graph.TrySilver(table) is not { } contract) return [];
        var now = ContractShape.Of(AddedColumns.Of(made.Current).Extend(await options.KeyedAsync(contract, cancellationToken)));
        var changes = now.ChangesSince(made.Current.Metadata.Configuration.GetValueOrDefault(ContractShape.Property));
        if (ContractShape.IsLeftBehind(made.Current) && changes.All(change => change.Part != ChangedPart.Release))
            changes = [new ContractChange(ChangedPart.Release, "", ChangeKind.Changed, ChangeMeaning.Rebuild), .. changes];
        if (changes.All(change => change.Meaning != ChangeMeaning.JudgeQuarantine)) return changes;
        var isEmpty = (await tables.TryOpenAsync(TableId.Quarantine(table.Name), cancellationToken))?.Current.RowCount is null or 0;
        return isEmpty ? [.. changes.Select(change => change.Meaning == ChangeMeaning.JudgeQuarantine ? change with { Meaning = ChangeMeaning.Nothing } : change)] : changes;
    }

    /// <summary>Makes a Silver table anew whose rows would be others, and the Silver tables that refer to it; Gold follows by itself.</summary>
    /// <param name="onBegin">Told why, before.</param>
    /// <param name="onRebuilt">Told of each table that is done.</param>
    /// <returns>Whether it was, or those that refer to it, which an earlier one had not come to.</returns>
    /// <exception cref="PipelineException">One cannot be made anew, or somebody else does: called again it goes on.</exception>
    public async ValueTask<bool> RebuildAsync(TableId table, TimeProvider time, Action<IReadOnlyList<ContractChange>> onBegin, Action<RebuiltTable> onRebuilt, CancellationToken cancellationToken)
    {
        if (graph.TrySilver(table) is null) return false;
        var changes = (await SinceAsync(table, cancellationToken)).Where(change => change.Meaning >= ChangeMeaning.FillColumns).ToList();
        var isReferred = graph.Silver.Any(other => other.References.Any(reference => reference.Table == table));
        var isCutOff = changes.Count == 0 && isReferred && await RebuildProgress.TryFindAsync(tables.Lake.Store, table, cancellationToken) is { IsFollowing: true, All.Length: > 1 };
        if (changes.Count == 0 && !isCutOff) return false;
        if (!isCutOff) onBegin(changes);
        var withDependents = isCutOff || (isReferred && changes.Exists(change => change.Meaning == ChangeMeaning.Rebuild));
        await new TableRebuild(tables.Lake, graph, options, time).RunAsync(table, withDependents, isFollowing: true, onRebuilt, cancellationToken);
        return true;
    }
}
