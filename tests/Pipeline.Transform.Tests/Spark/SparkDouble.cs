using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Pipeline.Delta.Storage;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Spark;

/// <summary>
/// An engine that runs the program for Spark. It is given documents in DuckDB's SQL, as which the double takes them, under the name
/// and with the relation names of Spark's.
/// </summary>
/// <param name="lake">Of which the program is told where each table begins, as jobs elsewhere are.</param>
internal sealed partial class SparkDouble(IObjectStore lake, string directory) : IJobEngine
{
    private readonly Dictionary<string, (Task<Ended> Ended, string Sha256)> _executions = new(StringComparer.Ordinal);

    public string Name => "spark-double";

    public SqlDialect Dialect => SqlDialect.DuckDb;

    /// <summary>Of its runs that have ended.</summary>
    public List<Ended> Runs { get; } = [];

    public async ValueTask<JobHandle> SubmitAsync(ReadOnlyMemory<byte> document, string execution, CancellationToken cancellationToken)
    {
        var placed = await DocumentRoots.OfAsync(JobDocument.Read(document.Span) with { Root = lake.Location }, lake, cancellationToken);
        var text = OfSpark(placed.ToUtf8(), lake.Location);
        var path = Path.Combine(directory, execution + ".json");
        await File.WriteAllTextAsync(path, text, new UTF8Encoding(false), cancellationToken);
        var run = MedallionJob.RunAsync(path, JobDocument.Sha256Of(Encoding.UTF8.GetBytes(text)), execution, path + ".answer", cancellationToken);
        _executions.Add(execution, (run, JobDocument.Sha256Of(document.Span)));
        return new JobHandle(Name, execution, execution);
    }

    public async ValueTask<JobState> ObserveAsync(JobHandle handle, CancellationToken cancellationToken)
    {
        var (run, sha256) = _executions[handle.Execution];
        var ended = await run;
        Runs.Add(ended);
        return ended.Answer is { } answer
            ? new JobState.Answered(answer with { Document = sha256 })
            : new JobState.Failed(new InvalidOperationException(ended.Output));
    }

    public ValueTask CancelAsync(JobHandle handle) => ValueTask.CompletedTask;

    /// <summary>A document in DuckDB's SQL as one for Spark, as far as the double can tell.</summary>
    public static string OfSpark(ReadOnlySpan<byte> document, string root)
    {
        var read = JsonNode.Parse(document)!;
        read["dialect"] = "spark";
        read["root"] = root;
        return TwoParts().Replace(read.ToJsonString(Relaxed), "$1__$2$3");
    }

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A relation's name, the second part in quotes or not.</summary>
    [GeneratedRegex(@"\b(silver|gold)\.(?:([a-z_]\w*)|\\""([a-z_]\w*)\\"")")]
    private static partial Regex TwoParts();
}
