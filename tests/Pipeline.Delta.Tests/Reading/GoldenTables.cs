using System.Diagnostics;

namespace Pipeline.Delta.Tests.Reading;

/// <summary>Tables that other engines wrote: archives that lie outside of the repository.</summary>
internal static class GoldenTables
{
    private const string Folder = "data/delta-golden";

    /// <summary>Null when the folder is not there.</summary>
    public static string? Find()
    {
        if (Environment.GetEnvironmentVariable("PIPELINE_SHARED") is { Length: > 0 } shared) return Existing(Path.Combine(shared, Folder));
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (Existing(Path.Combine(directory.FullName, "shared", Folder)) is { } found) return found;
        }

        return null;
    }

    /// <summary>Unpacks an archive; returns the directory that holds <c>delta/</c> and <c>expected/</c>.</summary>
    public static async Task<string> ExtractAsync(string folder, string name, string target)
    {
        using var tar = Process.Start(new ProcessStartInfo("tar", ["--zstd", "--warning=no-unknown-keyword", "-xf", Path.Combine(folder, $"{name}.tar.zst"), "-C", target])
        {
            UseShellExecute = false,
            RedirectStandardError = true,
        })!;
        var errors = await tar.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await tar.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(tar.ExitCode == 0, errors);
        return Path.Combine(target, name);
    }

    private static string? Existing(string folder) => Directory.Exists(folder) ? folder : null;
}
