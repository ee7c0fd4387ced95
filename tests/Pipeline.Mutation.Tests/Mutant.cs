namespace Pipeline.Mutation.Tests;

/// <summary>One change of one place of the code.</summary>
/// <param name="File">From the checkout's root.</param>
/// <param name="Member">Type and member that hold the place.</param>
/// <param name="Original">The place's text, on one line.</param>
/// <param name="Change">What becomes of it, in a few words.</param>
/// <param name="Occurrence">Tells apart equal changes of equal texts in one member: from 1, in the order of the text.</param>
internal sealed record Mutant(int Id, string File, int Line, string Member, string Original, string Change, int Occurrence)
{
    /// <summary>Stays the same when lines move.</summary>
    public string Key => $"{Member}: {Original} -> {Change}{(Occurrence == 1 ? "" : $" ({Occurrence})")}";

    public override string ToString() => $"{File}:{Line} {Key}";
}
