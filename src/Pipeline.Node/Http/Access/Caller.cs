using Pipeline.Operations.Options;

namespace Pipeline.Node.Http.Access;

/// <summary>By what somebody has shown who he is.</summary>
internal enum CallerProof
{
    /// <summary>The system says whose process it is.</summary>
    Socket,

    /// <summary>A token in the header of the request.</summary>
    Token,

    /// <summary>The cookie of a browser that has shown a token before.</summary>
    Session,
}

/// <summary>Who asks.</summary>
/// <param name="Name">As it is recorded: <c>uid 1000</c>, or the token's name.</param>
/// <param name="Role">Null: nobody has said what he may.</param>
/// <param name="TokenId">Of the token that he, or his session, has shown; null: none.</param>
internal sealed record Caller(string Name, AccessRole? Role, CallerProof Proof, string? TokenId = null);
