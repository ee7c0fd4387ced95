using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Delta.Storage;

namespace Pipeline.Transform.Jobs.Remote;

/// <summary>
/// What is laid down for engines elsewhere and for those who run the same runs: documents, answers, and who may submit what. Each
/// object is written once.
/// </summary>
/// <remarks>
/// <code>
/// lake.json                        the id of the lake whose they are
/// TABLE/RUN/document-SHA256.json   what shall be executed
/// TABLE/RUN/claim-N.json           who may submit an execution of it
/// TABLE/RUN/fate-N.json            whether he does
/// TABLE/RUN/over-N.json            the execution has ended
/// TABLE/RUN/answer-EXECUTION.json  what it has done
/// program/SHA256/NAME              what executes it
/// cluster/PIPELINE-LAKE/claim-N.json   who may start a cluster; its fate and its end as a run's
/// </code>
/// </remarks>
public sealed class JobArtifacts(IObjectStore store)
{
    internal const string ClusterClaims = "cluster/";

    private const string OwnerPath = "lake.json";

    private bool _isOwn;

    public IObjectStore Store => store;

    /// <summary>As those elsewhere call it.</summary>
    public string UriOf(string path) => $"{store.Location}/{path}";

    public static string AnswerOf(JobName name) => $"{RunOf(name.Table, name.Run)}answer-{name.Execution}.json";

    /// <summary>
    /// A place is one lake's: runs of two lakes have the same paths, and one would take over or delete what is the other's. It belongs to
    /// the lake that lays down a run first.
    /// </summary>
    /// <param name="isOnlyAsked">Nothing is laid down: a place of nobody stays nobody's.</param>
    /// <exception cref="PipelineException">It is another lake's, or cannot be asked.</exception>
    public async ValueTask RequireOwnAsync(string lakeId, bool isOnlyAsked, CancellationToken cancellationToken)
    {
        if (_isOwn) return;
        var owner = await OwnerAsync(cancellationToken);
        if (owner is null && isOnlyAsked) return;
        if (owner is null)
        {
            await store.PutIfAbsentAsync(OwnerPath, JsonSerializer.SerializeToUtf8Bytes(new Owner(lakeId), Json.Options), cancellationToken);
            // Whether it became ours or another's, what is there now counts.
            owner = await OwnerAsync(cancellationToken);
        }

        if (owner is not null && owner != lakeId)
            throw new PipelineException(FaultKind.Invalid, $"Artifacts in {store.Location}", $"they are of the lake {owner}, and this is {lakeId}", "Give each lake a place of its own: transform.artifacts.");
        _isOwn = owner is not null;
    }

    private async ValueTask<string?> OwnerAsync(CancellationToken cancellationToken)
    {
        if (await store.TryGetAsync(OwnerPath, cancellationToken) is not { } json) return null;
        try
        {
            if (JsonSerializer.Deserialize<Owner>(json, Json.Options) is { Lake.Length: > 0 } owner) return owner.Lake;
        }
        catch (JsonException)
        {
            // Told below.
        }

        throw new PipelineException(FaultKind.Damaged, $"Object {OwnerPath} in {store.Location}", "it does not say whose artifacts these are", "Delete it; the next run writes it anew.");
    }

    /// <summary>Lays down a document; returns its path.</summary>
    public async ValueTask<string> PutDocumentAsync(TableId table, long run, ReadOnlyMemory<byte> utf8, CancellationToken cancellationToken)
    {
        var path = $"{RunOf(table, run)}document-{JobDocument.Sha256Of(utf8.Span)}.json";
        // Whoever was first has put the same bytes.
        await store.PutIfAbsentAsync(path, utf8, cancellationToken);
        return path;
    }

    /// <summary>Lays down a program under the SHA-256 of its bytes; returns its path.</summary>
    public async ValueTask<string> PutProgramAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        var path = $"program/{JobDocument.Sha256Of(content.Span)}/{name}";
        if (await store.TryStatAsync(path, cancellationToken) is null) await store.PutIfAbsentAsync(path, content, cancellationToken);
        return path;
    }

    /// <summary>What an execution has answered; null: nothing yet.</summary>
    /// <exception cref="PipelineException">It cannot be read.</exception>
    public async ValueTask<JobAnswer?> AnswerAsync(JobName name, CancellationToken cancellationToken)
    {
        if (await store.TryGetAsync(AnswerOf(name), cancellationToken) is not { } json) return null;
        try
        {
            return JobAnswer.Read(json);
        }
        catch (JsonException e)
        {
            throw CheckedAnswer.Wrong($"{name.Table}#{name.Run}", $"{UriOf(AnswerOf(name))} cannot be read: {DataFaults.Cause(e)}", e);
        }
    }

    /// <summary>What lies here of runs, run by run: all objects of one follow one another.</summary>
    internal async IAsyncEnumerable<RunArtifacts> RunsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RunArtifacts? current = null;
        await foreach (var found in store.ListAsync("", startAt: null, cancellationToken))
        {
            if (RunArtifacts.TryRunOf(found.Path) is not { } run) continue;
            if (current is not null && (current.Table, current.Run) != run) yield return current;
            if (current is null || (current.Table, current.Run) != run) current = new RunArtifacts(run.Table, run.Run, []);
            current.Objects.Add(found);
        }

        if (current is not null) yield return current;
    }

    /// <summary>Who may submit which execution of a run.</summary>
    internal Claims ClaimsOf(TableId table, long run) => new(store, RunOf(table, run));

    /// <summary>Who may start which cluster for a pipeline.</summary>
    /// <param name="name">The pipeline's and the lake's.</param>
    internal Claims ClaimsOfClusters(string name) => new(store, $"{ClusterClaims}{name}/");

    internal static string RunOf(TableId table, long run) => $"{table}/{run.ToString(CultureInfo.InvariantCulture)}/";

    private sealed record Owner(string Lake);
}
