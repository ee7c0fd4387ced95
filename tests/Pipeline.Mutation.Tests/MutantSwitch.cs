namespace Pipeline.Mutation.Tests;

/// <summary>
/// What changed code asks whether a change is on. It is compiled into each changed assembly, so that one compilation holds
/// all mutants of it.
/// </summary>
internal static class MutantSwitch
{
    public const string TypeName = "Pipeline.Mutants.Switch";

    /// <summary>The mutant that is on; 0: none.</summary>
    public const string Active = nameof(Active);

    /// <summary>Mutants whose change was asked for: only they can make a difference.</summary>
    public const string Reached = nameof(Reached);

    /// <summary>Questions asked so far.</summary>
    public const string Steps = nameof(Steps);

    /// <summary>Questions after which a run is ended: a mutant may loop for ever.</summary>
    public const string StepsMax = nameof(StepsMax);

    public const string On = $"global::{TypeName}.On";
    public const string Off = $"global::{TypeName}.Off";

    public static string Source(int mutants) =>
        $$"""
        namespace Pipeline.Mutants
        {
            internal static class Switch
            {
                public static volatile int {{Active}};
                public static long {{Steps}};
                public static long {{StepsMax}} = long.MaxValue;
                public static readonly bool[] {{Reached}} = new bool[{{mutants + 1}}];

                public static bool On(int mutant)
                {
                    {{Reached}}[mutant] = true;
                    if (++{{Steps}} > {{StepsMax}}) throw new System.InvalidOperationException("The mutant ran away.");
                    return {{Active}} == mutant;
                }

                public static bool Off(int mutant) => !On(mutant);
            }
        }
        """;
}
