"""The places that data goes to, built where nobody sees them and put in place in one step."""
