"""How clients reach this program: its advert, its local socket, and the requests it answers."""
