using System.Globalization;

namespace Pipeline.Mutation.Tests;

/// <summary>
/// This executable, started again: runs specs against one mutant after the other. It reads mutants' numbers, a line each,
/// and answers each with one line of <see cref="Killed"/> or <see cref="Survived"/>, before it with a line of
/// <see cref="Running"/> for each spec, so that whoever waits knows which one does not end.
/// </summary>
internal static class SpecProcess
{
    public const string Verb = "--specs";
    public const string Ready = "ready";
    public const string Running = "running ";
    public const string Killed = "killed ";
    public const string Survived = "survived";
    public const string Unreached = "unreached";
    public const string Broken = "broken ";

    /// <summary>How many times longer than unchanged code a mutant may run, in questions to the switch.</summary>
    private const int Patience = 100;

    public static async Task<int> RunAsync(string[] args)
    {
        // Our answers alone go to the real output.
        await using var answers = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        Console.SetOut(TextWriter.Null);
        var specs = new Specs(args[0], args[1]);
        var known = new List<KnownSpec>();
        foreach (var spec in specs.Find(args[2..]))
        {
            await answers.WriteLineAsync($"{Running}{spec.Name}");
            try
            {
                known.Add(await KnownSpec.OfAsync(spec, specs));
            }
            catch (Exception fault)
            {
                await answers.WriteLineAsync($"{Broken}{spec.Name}: {fault.Message.ReplaceLineEndings(" ")}");
                return 1;
            }
        }

        await answers.WriteLineAsync(Ready);
        while (await Console.In.ReadLineAsync() is { } line)
            await answers.WriteLineAsync(await KillAsync(specs, known, int.Parse(line, CultureInfo.InvariantCulture), answers));
        return 0;
    }

    private static async Task<string> KillAsync(Specs specs, List<KnownSpec> known, int mutant, StreamWriter answers)
    {
        var deciding = known.Where(spec => spec.Reached[mutant]).ToList();
        specs.Active = mutant;
        try
        {
            foreach (var spec in deciding)
            {
                await answers.WriteLineAsync($"{Running}{spec.Spec.Name}");
                specs.Steps = 0;
                specs.StepsMax = Math.Max(100_000, spec.Steps * Patience);
                try
                {
                    await spec.Spec.RunAsync();
                }
                // Whatever a spec throws says that it has noticed.
                catch (Exception)
                {
                    return $"{Killed}{spec.Spec.Name}";
                }
            }
        }
        finally
        {
            specs.Active = 0;
            specs.StepsMax = long.MaxValue;
        }

        return deciding.Count == 0 ? Unreached : Survived;
    }

    /// <summary>What a spec does with the code as it is.</summary>
    private sealed record KnownSpec(Spec Spec, bool[] Reached, long Steps)
    {
        public static async Task<KnownSpec> OfAsync(Spec spec, Specs specs)
        {
            specs.Active = 0;
            specs.Steps = 0;
            Array.Clear(specs.Reached);
            await spec.RunAsync();
            return new KnownSpec(spec, [.. specs.Reached], specs.Steps);
        }
    }
}
