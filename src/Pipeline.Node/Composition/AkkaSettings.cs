using Akka.Configuration;
using Pipeline.Configuration;
using Pipeline.Core;
using ConfigurationException = Pipeline.Configuration.ConfigurationException;

namespace Pipeline.Node.Composition;

/// <summary>Akka's own settings: the program has all of them, and a file says only those that are to be others.</summary>
internal static class AkkaSettings
{
    private const string BuiltIn = "akka.conf";

    /// <param name="file">Null: there is none.</param>
    /// <exception cref="ConfigurationException">The file is no HOCON.</exception>
    public static async Task<Config> ReadAsync(string? file, CancellationToken cancellationToken)
    {
        await using var text = typeof(AkkaSettings).Assembly.GetManifestResourceStream(BuiltIn)!;
        using var reader = new StreamReader(text);
        var own = ConfigurationFactory.ParseString(await reader.ReadToEndAsync(cancellationToken));
        if (file is null) return own;
        try
        {
            return ConfigurationFactory.ParseString(await File.ReadAllTextAsync(file, cancellationToken)).WithFallback(own);
        }
        catch (Exception e) when (DataFaults.Are(e) || e is Akka.Configuration.ConfigurationException)
        {
            throw new ConfigurationException([new ConfigProblem(new SourceLocation(file, 1), "", $"it is not written as Akka's settings are: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}. Correct it, or take the file away: what it does not say is as the program has it")]);
        }
    }
}
