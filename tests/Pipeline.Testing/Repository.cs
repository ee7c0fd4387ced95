namespace Pipeline.Testing;

/// <summary>The checkout that tests are run from.</summary>
public static class Repository
{
    /// <summary>The directory that holds <c>Pipeline.sln</c>.</summary>
    /// <exception cref="InvalidOperationException">There is none above the program.</exception>
    public static string Root { get; } = Find();

    private static string Find()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Pipeline.sln"))) directory = directory.Parent;
        return directory?.FullName ?? throw new InvalidOperationException($"{AppContext.BaseDirectory} is not inside a checkout.");
    }
}
