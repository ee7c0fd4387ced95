using Apache.Arrow;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Places;
using Pipeline.Delta.Storage;
using Pipeline.Ingest;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Options;
using Pipeline.Operations.Sources;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Coordination.Journal;
using Pipeline.Transform.Graph;

namespace Pipeline.Operations.Planning;

/// <param name="IsRunningHere">A node of the configuration runs on this machine: what it has nobody else may have.</param>
public sealed record CheckPipelineRequest(bool IsRunningHere = false);

/// <param name="Lake">Where it is.</param>
/// <param name="LakeFault">Why it cannot be written; null when it can.</param>
/// <param name="RunProblems">Why no node of this configuration would start, though everything else can be done with it.</param>
/// <param name="CertificateFault">Why no node would start with its certificate; null when it would.</param>
/// <param name="Node">What a node needs on its machine: its ports, its journal, its secrets.</param>
/// <param name="Findings">What the sources found at their systems, in the order of the configuration.</param>
public sealed record CheckPipelineResult(string Lake, PipelineException? LakeFault, IReadOnlyList<ConfigProblem> RunProblems, PipelineException? CertificateFault, IReadOnlyList<Finding> Node, IReadOnlyList<Finding> Findings)
{
    public bool IsSound => LakeFault is null && CertificateFault is null && RunProblems.Count == 0 && Node.Concat(Findings).All(finding => finding.Ok);
}

/// <summary>
/// Asks what a node asks before it starts, reaches every source and writes to the lake. Loading the options has validated every setting and bound every rule and
/// query before.
/// </summary>
public static class CheckPipeline
{
    private const string Probe = ".pipeline-check";

    public static async Task<CheckPipelineResult> RunAsync(CheckPipelineRequest request, PipelineOptions options, SourceServices services, Lake lake, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var certificateFault = await NodeStart.CertificateFaultAsync(options, services.Secrets, services.Time, cancellationToken);
        var lakeFault = await WriteAsync(lake.Store, cancellationToken);
        var node = await NodeAsync(request, options, services.Secrets, cancellationToken);
        await using var sources = OpenSources.Open(options.Sources, services);
        var findings = await Task.WhenAll(sources.Select(source => source.CheckAsync(cancellationToken).AsTask()));
        var fits = await TablesAsync(sources, options.Graph, lakeFault is null ? lake : null, cancellationToken);
        var stands = lakeFault is null ? await StandingsAsync(sources, lake, cancellationToken) : [];
        // A secret that a source has told of already is told once.
        List<Finding> told = [.. findings.SelectMany(found => found), .. fits, .. stands, .. lakeFault is null ? await PlacesAsync(options, lake, cancellationToken) : [], .. options.KeptInProcess.Select(InProcess)];
        return new CheckPipelineResult(lake.Store.Location, lakeFault, options.RunProblems, certificateFault, [.. node.Where(finding => !told.Exists(other => other.Thing == finding.Thing && other.Detail == finding.Detail))], told);
    }

    private static async Task<IReadOnlyList<Finding>> NodeAsync(CheckPipelineRequest request, PipelineOptions options, ISecretStore secrets, CancellationToken cancellationToken)
    {
        var found = new List<Finding>(await NodeStart.PortsAsync(options, request.IsRunningHere, cancellationToken));
        if (options.Cluster.Roles.Contains(NodeRole.Transform)) found.Add(await JournalTrial.RunAsync(options.Transform, cancellationToken));
        found.AddRange(await NodeStart.UnreadSecretsAsync(options, secrets, areFilesOnly: false, cancellationToken));
        return found;
    }

    private static Finding InProcess(TableId table) =>
        new($"Engine of {table}", Ok: true, "it masks, so that it is made in the node's process whatever engine is configured: the key of masks does not leave it", NextStep: null);

    /// <summary>Whether the locations of tables are this lake's and can be written, and which tables lie elsewhere than the configuration would have them now.</summary>
    private static async Task<IReadOnlyList<Finding>> PlacesAsync(PipelineOptions options, Lake lake, CancellationToken cancellationToken)
    {
        var found = new List<Finding>();
        if (lake.Store is PlacedStore placed)
        {
            var used = await AddressesAsync(lake, cancellationToken);
            foreach (var location in placed.Places.InUse.Concat(placed.Places.Locations.Values.Where(location => used.Contains(location.Address))).Distinct())
                found.Add(await FaultOfAsync(placed.StoreOf(location), used.Contains(location.Address), lake, cancellationToken) is { } fault
                    ? new Finding($"Location {location.Name} ({location.Address})", Ok: false, fault.Cause, fault.NextStep) : new Finding($"Location {location.Name} ({location.Address})", Ok: true, "can be written", NextStep: null));
        }

        found.AddRange((await TablePlacement.FindAsync(options, lake, cancellationToken)).Select(table => table.Finding));
        return found;
    }

    /// <summary>Where tables lie already. A place that cannot be read is told where its table is opened.</summary>
    private static async Task<HashSet<string>> AddressesAsync(Lake lake, CancellationToken cancellationToken)
    {
        var addresses = new HashSet<string>(StringComparer.Ordinal);
        foreach (var directory in await TablePlace.DirectoriesAsync(lake.Store, cancellationToken))
        {
            try
            {
                if (await TablePlace.TryReadAsync(lake.Store, directory, cancellationToken) is { Address: { } address }) addresses.Add(address);
            }
            catch (PipelineException e) when (e.Kind == FaultKind.Damaged)
            {
                // Told with the table.
            }
        }

        return addresses;
    }

    /// <summary>Whose it is comes before the write, which would make a directory that is not mounted.</summary>
    /// <param name="hasTables">Tables of the lake lie there.</param>
    private static async Task<PipelineException?> FaultOfAsync(IObjectStore location, bool hasTables, Lake lake, CancellationToken cancellationToken)
    {
        try
        {
            var id = await lake.TryIdAsync(cancellationToken);
            if (hasTables) await LocationOwner.RequireAsync(location, id, cancellationToken);
            else await LocationOwner.RequireNoOtherAsync(location, id, cancellationToken);
        }
        catch (PipelineException fault)
        {
            return fault;
        }

        return await WriteAsync(location, cancellationToken);
    }

    /// <summary>
    /// What sources' tables are now, beside the lake's that are there already and the contracts that read them. A source that does not say has been told by its own check.
    /// </summary>
    /// <param name="lake">Null: it cannot be asked, which is told.</param>
    private static async Task<IReadOnlyList<Finding>> TablesAsync(OpenSources sources, TransformGraph graph, Lake? lake, CancellationToken cancellationToken)
    {
        var found = new List<Finding>();
        foreach (var source in sources)
        {
            var documents = new SourceDocuments(source);
            foreach (var table in source.Tables)
            {
                var id = TableId.Bronze(source.Name, table.Name);
                Schema described;
                try
                {
                    described = await source.DescribeAsync(table.Name, cancellationToken);
                }
                catch (PipelineException fault)
                {
                    if (fault.Kind == FaultKind.Unreachable) break;
                    continue;
                }

                // As a run asks it before it reads anything. A table that cannot be read is told where it stands.
                if (lake is not null && await BronzeTable.FaultOfAsync(lake, id, described, cancellationToken) is { IsOfTable: true } unfit)
                    found.Add(new Finding($"{id}: columns", Ok: false, unfit.Cause, unfit.NextStep));
                var schema = BronzeColumns.TableSchema(described);
                var known = await documents.OfAsync(table, cancellationToken);
                found.AddRange(graph.Silver.Where(contract => contract.From == id).SelectMany(contract => ContractFit.Of(contract, schema, table.DeletesCarry,
                    [.. graph.Silver.SelectMany(other => other.References).Where(reference => reference.Table == contract.Table).Select(reference => reference.To)], known)));
            }
        }

        return found;
    }

    /// <summary>Whether sources are where the lake's tables have left them. What cannot be asked has been told by the source's own check.</summary>
    private static async Task<IReadOnlyList<Finding>> StandingsAsync(OpenSources sources, Lake lake, CancellationToken cancellationToken)
    {
        var found = new List<Finding>();
        foreach (var source in sources)
        {
            foreach (var table in source.Tables)
            {
                var id = TableId.Bronze(source.Name, table.Name);
                var (bronze, unread) = await LakeInventory.TryAsync(id, async () => new Opened(await lake.TryOpenAsync(id, cancellationToken)));
                if (unread is not null) found.Add(new Finding($"Table {id}", Ok: false, unread.Fault.Cause, unread.Fault.NextStep));
                if (bronze?.Table is not { Current: var snapshot }) continue;
                try
                {
                    found.AddRange(SplitHalt.Of(snapshot.Metadata.Configuration).Values.Select(halt => new Finding(halt.Thing, Ok: false, halt.Cause, halt.NextStep)));
                    foreach (var standing in await GapAcceptance.LookAsync(snapshot, source, cancellationToken))
                        if ((standing.Fault ?? standing.Doubt) is { } what) found.Add(FindingOf(what));
                }
                catch (PipelineException fault)
                {
                    if (fault.Kind == FaultKind.Unreachable) break;
                    // Of another table of the source more may be known.
                }
            }
        }

        return [.. found.DistinctBy(finding => (finding.Thing, finding.Detail))];
    }

    /// <summary>What a run gets over by itself keeps nobody from it.</summary>
    private static Finding FindingOf(PipelineException what) =>
        what.IsTransient ? new Finding(what.Thing, Ok: true, $"{what.Cause}. {what.NextStep}") : new Finding(what.Thing, Ok: false, what.Cause, what.NextStep);

    /// <summary>What a source's documents hold. That it cannot be asked for is told by the source's own check, and asked once.</summary>
    private sealed class SourceDocuments(ISource source)
    {
        private bool _isRefused;

        public async Task<IReadOnlyList<SourceDocument>> OfAsync(SourceTable table, CancellationToken cancellationToken)
        {
            if (_isRefused) return [];
            try
            {
                return await source.DescribeDocumentsAsync(table.Name, cancellationToken);
            }
            catch (PipelineException)
            {
                _isRefused = true;
                return [];
            }
        }
    }

    /// <param name="Table">Null: there is none yet.</param>
    private sealed record Opened(DeltaTable? Table);

    private static async Task<PipelineException?> WriteAsync(IObjectStore store, CancellationToken cancellationToken)
    {
        try
        {
            await store.PutAsync(Probe, ReadOnlyMemory<byte>.Empty, cancellationToken);
            await store.DeleteAsync(Probe, cancellationToken);
            return null;
        }
        catch (PipelineException fault)
        {
            return fault;
        }
    }
}
