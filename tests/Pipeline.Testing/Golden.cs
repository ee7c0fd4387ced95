using System.Runtime.CompilerServices;
using System.Text;
using Xunit;

namespace Pipeline.Testing;

/// <summary>
/// Compares with a file in the folder <c>Golden</c> of the calling test's project. <c>GOLDEN=update</c> in the environment
/// writes the files instead; then read the difference before committing it.
/// </summary>
public static class Golden
{
    public static bool IsUpdate => Environment.GetEnvironmentVariable("GOLDEN") == "update";

    /// <summary>Where a file or folder is kept: beside the sources, not beside the built tests.</summary>
    public static string PathOf(string name, [CallerFilePath] string testFile = "") => Path.Combine(ProjectOf(testFile), "Golden", name);

    /// <summary>Compares a text. Lines end with a line feed, the last one too.</summary>
    public static void Verify(string name, string actual, [CallerFilePath] string testFile = "") =>
        VerifyBytes(name, Encoding.UTF8.GetBytes(actual.ReplaceLineEndings("\n").TrimEnd('\n') + "\n"), testFile);

    /// <summary>Compares text byte by byte, as what is written to a log must be.</summary>
    public static void VerifyBytes(string name, ReadOnlySpan<byte> actual, [CallerFilePath] string testFile = "")
    {
        var path = PathOf(name, testFile);
        if (IsUpdate)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, actual);
            return;
        }

        Assert.True(File.Exists(path), $"There is no {path}. Run the test once with GOLDEN=update, then read what it wrote.");
        var expected = File.ReadAllBytes(path);
        // As text for whoever reads the difference; then as bytes, for what text does not show.
        Assert.Equal(Encoding.UTF8.GetString(expected), Encoding.UTF8.GetString(actual));
        Assert.Equal(expected, actual.ToArray());
    }

    internal static string ProjectOf(string testFile)
    {
        var directory = Path.GetDirectoryName(testFile)!;
        while (Directory.GetFiles(directory, "*.csproj").Length == 0) directory = Path.GetDirectoryName(directory)!;
        return directory;
    }
}
