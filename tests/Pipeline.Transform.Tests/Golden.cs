using System.Runtime.CompilerServices;

namespace Pipeline.Transform.Tests;

/// <summary>Compares a text with a file under Golden/; <c>GOLDEN=update</c> writes the file instead.</summary>
internal static class Golden
{
    public static void Matches(string name, string actual, [CallerFilePath] string caller = "")
    {
        var directory = Path.GetDirectoryName(caller)!;
        while (!Directory.Exists(Path.Combine(directory, "Golden"))) directory = Path.GetDirectoryName(directory)!;
        var file = Path.Combine(directory, "Golden", name);
        if (Environment.GetEnvironmentVariable("GOLDEN") == "update")
        {
            File.WriteAllText(file, actual + "\n");
            return;
        }

        Assert.Equal(File.ReadAllText(file).TrimEnd('\n').ReplaceLineEndings("\n"), actual.ReplaceLineEndings("\n"));
    }
}
