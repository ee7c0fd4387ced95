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

    public IObjectStore Store => store;

    /// <summary>As those elsewhere call it.</summary>
    public string UriOf(string path) => $"{store.Location}/{path}";

    public static string AnswerOf(JobName name) => $"{RunOf(name.Table, name.Run)}answer-{name.Execution}.json";

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
}
