using System.Runtime.CompilerServices;
using Pipeline.Testing;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Spark;

/// <summary>
/// <c>spark/medallion_job.py</c> itself, in a process of its own, on a double of PySpark whose SQL is DuckDB's. What it shows is
/// what the program does; what Spark makes of its SQL it cannot show.
/// </summary>
internal static class MedallionJob
{
    /// <summary>The folder of the scripts for Spark.</summary>
    public static string Folder => Path.GetFullPath(Path.Combine(Here(), "../../../spark"));

    /// <param name="host">Null: the program runs no SQL.</param>
    public static IReadOnlyDictionary<string, string> Environment(DoubleHost? host) => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["PYTHONPATH"] = $"{Path.Combine(Here(), "Double")}{Path.PathSeparator}{Folder}",
        ["PYTHONDONTWRITEBYTECODE"] = "1",
        ["DOUBLE_PORT"] = $"{host?.Port}",
    };

    /// <summary>Runs the assertions of <c>functions.py</c>.</summary>
    public static async Task<Ended> TryFunctionsAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        var program = OutsideProgram.TryStart("python3", ["-W", "error", Path.Combine(Here(), "functions.py"), .. arguments], Environment(host: null));
        Assert.SkipWhen(program is null, "There is no python3.");
        await using var running = program;
        var (exitCode, lines) = await program.WaitForExitAsync(cancellationToken);
        return new Ended(exitCode, string.Join('\n', lines));
    }

    /// <summary>Starts the program; skips the test where there is no Python.</summary>
    public static OutsideProgram Start(IReadOnlyDictionary<string, string> environment, params string[] arguments) => StartScript("medallion_job.py", environment, arguments);

    /// <summary>The same of another script of the folder.</summary>
    public static OutsideProgram StartScript(string script, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var program = OutsideProgram.TryStart("python3", [Path.Combine(Folder, script), .. arguments], environment);
        Assert.SkipWhen(program is null, "There is no python3.");
        return program;
    }

    /// <summary>Runs it to its end.</summary>
    /// <param name="habit">
    /// A variable that changes the double: <c>DOUBLE_URI=URI</c> is what it calls each file, <c>DOUBLE_STRANGER=1</c> has another
    /// program write into each directory, <c>DOUBLE_SAID=PATH</c> writes down all SQL.
    /// </param>
    public static async Task<Ended> RunAsync(string[] arguments, CancellationToken cancellationToken, string? habit = null)
    {
        await using var host = new DoubleHost();
        var environment = new Dictionary<string, string>(Environment(host), StringComparer.Ordinal);
        if (habit?.Split('=', 2) is [var name, var value]) environment.Add(name, value);
        await using var program = Start(environment, arguments);
        var (exitCode, lines) = await program.WaitForExitAsync(cancellationToken);
        return new Ended(exitCode, string.Join('\n', lines));
    }

    /// <summary>Runs a document to its end.</summary>
    public static async Task<Ended> RunAsync(string document, string sha256, string execution, string answer, CancellationToken cancellationToken, string? habit = null)
    {
        var ended = await RunAsync(["--document", document, "--sha256", sha256, "--execution", execution, "--answer", answer], cancellationToken, habit);
        return File.Exists(answer) ? ended with { Answer = JobAnswer.Read(await File.ReadAllBytesAsync(answer, cancellationToken)) } : ended;
    }

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}

/// <summary>How the program has ended.</summary>
internal sealed record Ended(int ExitCode, string Output, JobAnswer? Answer = null);
