namespace Pipeline.Delta.Tests;

/// <summary>Compares with a file beside the tests' sources; <c>GOLDEN=update</c> writes it.</summary>
internal static class Golden
{
    public static void AssertEqual(string name, string actual)
    {
        if (Environment.GetEnvironmentVariable("GOLDEN") == "update") File.WriteAllText(Path.Combine(SourceDirectory(), "Golden", name), actual);
        else Assert.Equal(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", name)), actual);
    }

    private static string SourceDirectory([System.Runtime.CompilerServices.CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
