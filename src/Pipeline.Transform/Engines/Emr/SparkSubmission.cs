using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Parquet;
using Pipeline.Transform.Jobs.Remote;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>What <c>spark-submit</c> is given, by whichever service: the program, its arguments, the settings of Spark.</summary>
/// <param name="compression">How the files of a table are compressed; null: as the settings say.</param>
internal sealed class SparkSubmission(JobArtifacts artifacts, SparkSettings settings, Func<TableId, FileCompression>? compression = null)
{
    /// <summary>
    /// What is not sent so long after it was asked for is not sent any more: whoever waits for it gives it up some time later, and what is sent then
    /// would arrive beside a replacement.
    /// </summary>
    public static readonly TimeSpan SendMax = TimeSpan.FromSeconds(30);

    private const string ProgramName = "medallion_job.py";
    private const string Sha256Option = "--sha256";

    private string? _programUri;

    /// <summary>The settings as one text, as on a command line.</summary>
    public string ParametersOf(RemoteJob job) => string.Join(' ', SettingsOf(job).Arguments.Select(Quoted));

    /// <summary>Where the program lies, for those who run it: put there when it is asked for first.</summary>
    public async ValueTask<string> ProgramUriAsync(CancellationToken cancellationToken)
    {
        if (_programUri is { } known) return known;
        await using var resource = typeof(SparkSubmission).Assembly.GetManifestResourceStream(ProgramName) ?? throw new InvalidOperationException($"The assembly lacks {ProgramName}.");
        using var content = new MemoryStream();
        await resource.CopyToAsync(content, cancellationToken);
        return _programUri = artifacts.UriOf(await artifacts.PutProgramAsync(ProgramName, content.ToArray(), cancellationToken));
    }

    /// <summary>The whole command, the driver beside it: what it prints is its own log.</summary>
    public ImmutableArray<string> CommandOf(string program, RemoteJob job) => ["spark-submit", "--deploy-mode", "client", .. SettingsOf(job).Arguments, program, .. ArgumentsOf(job)];

    /// <summary>The program's arguments.</summary>
    public static ImmutableArray<string> ArgumentsOf(RemoteJob job) =>
        ["--document", job.DocumentUri, Sha256Option, job.Sha256, "--execution", job.Name.Execution, "--answer", job.AnswerUri];

    /// <summary>The document's digest out of arguments; null: they have none.</summary>
    public static string? Sha256Of(IReadOnlyList<string> arguments)
    {
        for (var i = 0; i < arguments.Count - 1; i++)
            if (arguments[i] == Sha256Option) return arguments[i + 1];
        return null;
    }

    private SparkSettings SettingsOf(RemoteJob job) => compression is null ? settings : settings.Of(compression(job.Name.Table));

    private static string Quoted(string argument) =>
        argument.Any(letter => char.IsWhiteSpace(letter) || letter is '"' or '\\' or '\'') ? $"\"{argument.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"" : argument;
}
