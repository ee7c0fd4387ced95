using Pipeline.Testing;

namespace Pipeline.Releases;

/// <summary>A release built from the repository's own history, in a work tree of its own. Removed when disposed.</summary>
public sealed class ReleaseBuild : IAsyncDisposable
{
    private readonly string _checkout;
    private readonly string _directory;

    private ReleaseBuild(string checkout, string directory)
    {
        _checkout = checkout;
        _directory = directory;
    }

    /// <summary>The release's <c>pipeline.dll</c>.</summary>
    public string Program => Directory.EnumerateFiles(Path.Combine(_directory, "src", "Pipeline.Node", "bin", "Release"), "pipeline.dll", SearchOption.AllDirectories).Single();

    /// <summary>Null when this is not a checkout with a history that holds the release's commit.</summary>
    public static async Task<ReleaseBuild?> TryMakeAsync(Release release, CancellationToken cancellationToken)
    {
        var checkout = AppContext.BaseDirectory;
        if (await RunAsync("git", ["-C", checkout, "cat-file", "-e", $"{release.Commit}^{{commit}}"], cancellationToken) is not (0, _)) return null;
        var directory = Path.Combine(Path.GetTempPath(), $"pipeline-{release.Name}-{Guid.NewGuid():N}");
        var build = new ReleaseBuild(checkout, directory);
        try
        {
            await RequireAsync("git", ["-C", checkout, "worktree", "add", "--detach", directory, release.Commit], cancellationToken);
            await RequireAsync("dotnet", ["build", Path.Combine(directory, "src", "Pipeline.Node"), "-c", "Release", "-v", "q", "--nologo", "-nodeReuse:false", "-p:UseSharedCompilation=false"], cancellationToken);
            return build;
        }
        catch
        {
            await build.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync() => await RunAsync("git", ["-C", _checkout, "worktree", "remove", "--force", _directory], CancellationToken.None);

    private static async Task RequireAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (code, lines) = await RunAsync(program, arguments, cancellationToken);
        if (code != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {code}:\n{string.Join('\n', lines)}");
    }

    private static async Task<(int ExitCode, IReadOnlyList<string> Lines)> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        await using var process = OutsideProgram.TryStart(program, arguments);
        return process is null ? (-1, []) : await process.WaitForExitAsync(cancellationToken);
    }
}
