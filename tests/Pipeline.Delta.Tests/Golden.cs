using System.Runtime.CompilerServices;

namespace Pipeline.Delta.Tests;

/// <summary>Compares with files beside the tests' sources; <c>GOLDEN=update</c> writes them.</summary>
internal static class Golden
{
    public static bool IsUpdate => Environment.GetEnvironmentVariable("GOLDEN") == "update";

    /// <summary>Where the file is read from.</summary>
    public static string Path(string name) => IsUpdate ? SourcePath(name) : System.IO.Path.Combine(AppContext.BaseDirectory, "Golden", name);

    /// <summary>Where it is kept.</summary>
    public static string SourcePath(string name, [CallerFilePath] string file = "") => System.IO.Path.Combine(SourceRoot(file), "Golden", name);

    public static void AssertEqual(string name, string actual)
    {
        if (IsUpdate) File.WriteAllText(SourcePath(name), actual);
        else Assert.Equal(File.ReadAllText(Path(name)), actual);
    }

    /// <summary>The project's directory, from that of the calling source file.</summary>
    private static string SourceRoot(string file)
    {
        var directory = System.IO.Path.GetDirectoryName(file)!;
        while (!File.Exists(System.IO.Path.Combine(directory, "Golden.cs"))) directory = System.IO.Path.GetDirectoryName(directory)!;
        return directory;
    }
}
