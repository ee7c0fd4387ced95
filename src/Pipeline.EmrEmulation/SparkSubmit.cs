using System.Collections.Immutable;

namespace Pipeline.EmrEmulation;

/// <summary>The arguments of a <c>spark-submit</c>: its own, the program, and those of the program.</summary>
internal sealed record SparkSubmit(ImmutableDictionary<string, string> Options, ImmutableDictionary<string, string> Configuration, string Program, ImmutableArray<string> Arguments)
{
    private static readonly ImmutableHashSet<string> WithValue = ImmutableHashSet.Create(StringComparer.Ordinal,
        "--master", "--deploy-mode", "--class", "--name", "--jars", "--packages", "--exclude-packages", "--repositories", "--py-files", "--files", "--archives", "--conf", "-c",
        "--properties-file", "--driver-memory", "--driver-java-options", "--driver-library-path", "--driver-class-path", "--driver-cores", "--executor-memory", "--executor-cores",
        "--total-executor-cores", "--num-executors", "--proxy-user", "--principal", "--keytab", "--queue");

    private static readonly ImmutableHashSet<string> Switches = ImmutableHashSet.Create(StringComparer.Ordinal, "--verbose", "-v", "--supervise");

    /// <exception cref="FormatException">They are none that it takes.</exception>
    public static SparkSubmit Parse(IReadOnlyList<string> arguments)
    {
        var options = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        var configuration = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        if (arguments.FirstOrDefault() != "spark-submit") throw new FormatException($"Cannot run program \"{arguments.FirstOrDefault()}\": error=2, No such file or directory");
        var at = 1;
        for (; at < arguments.Count && arguments[at].StartsWith('-'); at++)
        {
            var (flag, value) = arguments[at].IndexOf('=') is > 0 and var equals && WithValue.Contains(arguments[at][..equals]) ? (arguments[at][..equals], arguments[at][(equals + 1)..]) : (arguments[at], null);
            if (Switches.Contains(flag)) continue;
            if (!WithValue.Contains(flag)) throw new FormatException($"Error: Unrecognized option: {flag}");
            value ??= ++at < arguments.Count ? arguments[at] : throw new FormatException($"Error: Missing argument for option '{flag}'.");
            if (flag is not ("--conf" or "-c")) options[flag] = value;
            else if (value.IndexOf('=') is > 0 and var split) configuration[value[..split]] = value[(split + 1)..];
            else throw new FormatException($"Error: Spark config without '=': {value}");
        }

        return at < arguments.Count
            ? new SparkSubmit(options.ToImmutable(), configuration.ToImmutable(), arguments[at], [.. arguments.Skip(at + 1)])
            : throw new FormatException("Error: Missing application resource.");
    }

    /// <summary>The value behind a flag of the program.</summary>
    /// <exception cref="FormatException">It is not there.</exception>
    public string Argument(string flag)
    {
        var at = Arguments.IndexOf(flag);
        return at >= 0 && at + 1 < Arguments.Length ? Arguments[at + 1] : throw new FormatException($"medallion_job.py: error: the following arguments are required: {flag}");
    }
}
