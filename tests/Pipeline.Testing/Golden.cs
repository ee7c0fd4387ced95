using System.Runtime.CompilerServices;
using Xunit;

namespace Pipeline.Testing;

/// <summary>
/// Compares a text with a file <c>Golden/NAME</c> beside the test's source. <c>GOLDEN=update</c> in the environment writes
/// the files instead; then read the difference before committing it.
/// </summary>
public static class Golden
{
    public static void Verify(string name, string actual, [CallerFilePath] string testFile = "")
    {
        var path = Path.Combine(Path.GetDirectoryName(testFile)!, "Golden", name);
        actual = actual.ReplaceLineEndings("\n").TrimEnd('\n') + "\n";
        if (Environment.GetEnvironmentVariable("GOLDEN") == "update")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, actual);
            return;
        }

        Assert.True(File.Exists(path), $"There is no {path}. Run the test once with GOLDEN=update, then read what it wrote.");
        Assert.Equal(File.ReadAllText(path), actual);
    }
}
