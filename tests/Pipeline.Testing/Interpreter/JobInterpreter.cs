using System.Runtime.CompilerServices;

namespace Pipeline.Testing.Interpreter;

/// <summary>
/// A second interpreter of documents of jobs: JavaScript, written from <c>docs/job-document.md</c> alone, with no code of the
/// engine that the product has.
/// </summary>
public sealed class JobInterpreter
{
    /// <summary>Why a test is skipped without it.</summary>
    public const string Missing = "There is no node, or npm cannot fetch @duckdb/node-api.";

    private readonly Dictionary<string, string> _environment;

    private JobInterpreter(string modules) => _environment = new(StringComparer.Ordinal) { ["NODE_PATH"] = modules };

    /// <summary>Null where its modules cannot be had.</summary>
    public static async Task<JobInterpreter?> TryCreateAsync(CancellationToken cancellationToken) =>
        await NpmModules.TryFetchAsync(PathOf("package.json"), cancellationToken) is { } modules ? new JobInterpreter(modules) : null;

    /// <summary>Interprets one document, as a program that is an engine is called.</summary>
    public Task<(int ExitCode, IReadOnlyList<string> Lines)> InterpretAsync(string document, string sha256, string execution, string answer, CancellationToken cancellationToken) =>
        RunAsync(["interpret.mjs", document, sha256, execution, answer], cancellationToken);

    /// <summary>Interprets all documents of an exported folder and compares the tables with the rows that are expected; the last line sums up.</summary>
    /// <param name="table">The only table whose documents are; null: all.</param>
    public Task<(int ExitCode, IReadOnlyList<string> Lines)> CompareAsync(string folder, CancellationToken cancellationToken, string? table = null) =>
        RunAsync(["compare.mjs", folder, .. table is null ? Array.Empty<string>() : [table]], cancellationToken);

    private async Task<(int ExitCode, IReadOnlyList<string> Lines)> RunAsync(string[] call, CancellationToken cancellationToken)
    {
        await using var node = OutsideProgram.TryStart("node", [PathOf(call[0]), .. call[1..]], _environment) ?? throw new InvalidOperationException("npm is there and node is not.");
        return await node.WaitForExitAsync(cancellationToken);
    }

    private static string PathOf(string file, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, file);
}
